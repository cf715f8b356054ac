import { z } from 'zod';
import { describeUnknownOption } from '../../errors/invalidArgument';
import { showValue } from '../../errors/showValue';

const MAX_FAULTS = 20;

const milliseconds = z.number().int().min(1);
const count = z.number().int().min(1);
const path = z.string().min(1);

// What the values mean is `BrokerOptions`' to say; here it is only which of them a file can hold.
const schema = z.strictObject({
  socketPath: path,
  services: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        version: z.string().min(1),
        module: path,
        args: z.array(z.string()).optional(),
        env: z.record(z.string(), z.string()).optional(),
        execArgv: z.array(z.string()).optional(),
        cwd: path.optional(),
        handoff: z.boolean().optional(),
        ackDeadlineMs: milliseconds.optional(),
        logFile: path.optional(),
      }),
    )
    .min(1),
  policy: z
    .strictObject({
      maxFailedAttemptsPerWindow: z.number().int().min(0).optional(),
      failedAttemptWindowMs: z.number().min(0).optional(),
    })
    .optional(),
  instance: z.string().optional(),
  ackDeadlineMs: milliseconds.optional(),
  startTimeoutMs: milliseconds.optional(),
  stopTimeoutMs: milliseconds.optional(),
  helloTimeoutMs: milliseconds.optional(),
  backlog: count.optional(),
  maxConnections: count.optional(),
  maxTransfers: count.optional(),
  maxTransfersPerBackend: count.optional(),
  endpointDirectory: path.optional(),
  metrics: z
    .strictObject({ port: z.number().int().min(0).max(65_535).optional(), socketPath: path.optional() })
    .refine(({ port, socketPath }) => (port === undefined) !== (socketPath === undefined))
    .optional(),
  stateDirectory: path.optional(),
  onStop: z.enum(['stop', 'leave']).optional(),
});

/** What a configuration file holds. */
export type ConfigData = z.infer<typeof schema>;

const TYPES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'an integer',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  record: 'an object',
};

/** What a value must be, in the words of who writes the file. */
function expectedOf(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected] ?? issue.expected;
    case 'too_small':
      if (issue.origin === 'string') return 'a non-empty string';
      return issue.origin === 'array' ? 'an array that is not empty' : `a number from ${issue.minimum}`;
    case 'too_big':
      return `a number up to ${issue.maximum}`;
    case 'invalid_value':
      return issue.values.map(showValue).join(' or ');
    // The only one of the schema's own.
    case 'custom':
      return 'an object with either port or socketPath';
    default:
      return 'something else';
  }
}

function fieldOf(path: readonly PropertyKey[] = []): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index > 0 ? '.' : ''}${String(key)}`))
    .join('');
}

function describe(issue: z.core.$ZodRawIssue): string {
  const field = fieldOf(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const known = issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape) : [];
    const prefix = field === '' ? '' : `${field}.`;
    return issue.keys.map((key) => describeUnknownOption(prefix, key, known)).join('\n');
  }
  const is = issue.input === undefined ? 'left out' : showValue(issue.input);
  return `${field === '' ? 'the whole file' : field} must be ${expectedOf(issue)}, but is ${is}`;
}

/**
 * Checks what a configuration file holds.
 * @throws Error with a line for each field that is wrong
 */
export function parseConfig(value: unknown): ConfigData {
  const { data, error } = schema.safeParse(value, { error: describe });
  if (error === undefined) return data;
  const faults = error.issues.flatMap(({ message }) => message.split('\n'));
  const more = faults.length - MAX_FAULTS;
  throw new Error([...faults.slice(0, MAX_FAULTS), ...(more > 0 ? [`and ${more} more`] : [])].join('\n'));
}
