import { z } from 'zod';
import { parseInWords } from '../../errors/parseInWords';
import { MAX_REPLICAS } from '../../protocol/wireLimits';

const milliseconds = z.number().int().min(1);
const count = z.number().int().min(1);
const path = z.string().min(1);

// See `BrokerOptions` for the fields; this schema says which of them a file can contain.
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
        replicas: z.number().int().min(1).max(MAX_REPLICAS).optional(),
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
    .refine(({ port, socketPath }) => (port === undefined) !== (socketPath === undefined), {
      params: { expected: 'an object with either port or socketPath' },
    })
    .optional(),
  stateDirectory: path.optional(),
  onStop: z.enum(['stop', 'leave']).optional(),
});

/** The content of a configuration file. */
export type ConfigData = z.infer<typeof schema>;

/**
 * Checks the content of a configuration file.
 * @throws {Error} with a line for each invalid field
 */
export function parseConfig(value: unknown): ConfigData {
  return parseInWords(schema, value, 'the whole file');
}
