import type { z } from 'zod';
import { describeUnknownOption } from './invalidArgument';
import { showName, showValue } from './showValue';

const MAX_FAULTS = 20;

const TYPES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'an integer',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  record: 'an object',
};

function expectedOf(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected] ?? issue.expected;
    case 'too_small':
      if (issue.origin === 'string') return 'a non-empty string';
      return issue.origin === 'array' ? 'an array that is not empty' : `a number from ${issue.minimum}`;
    case 'too_big':
      return issue.origin === 'string'
        ? `a string of at most ${issue.maximum} characters`
        : `a number up to ${issue.maximum}`;
    case 'invalid_value':
      return issue.values.map(showValue).join(' or ');
    case 'custom': {
      const { expected = 'something else' }: { readonly expected?: unknown } = issue.params ?? {};
      return String(expected);
    }
    default:
      return 'something else';
  }
}

/** The path of a field in data, such as `services[0].name`. */
export function showPathInData(path: readonly PropertyKey[] = []): string {
  return path
    .map((key, index) =>
      typeof key === 'number' ? `[${key}]` : `${index > 0 ? '.' : ''}${showName(String(key))}`,
    )
    .join('');
}

function describe(issue: z.core.$ZodRawIssue, whole: string): string {
  const field = showPathInData(issue.path);
  if (issue.code === 'unrecognized_keys') {
    // Only strict objects refuse keys.
    const known = Object.keys((issue.inst as z.ZodObject).shape);
    const prefix = field === '' ? '' : `${field}.`;
    return issue.keys.map((key) => describeUnknownOption(prefix, key, known)).join('\n');
  }
  const is = issue.input === undefined ? 'left out' : showValue(issue.input);
  return `${field === '' ? whole : field} must be ${expectedOf(issue)}, but is ${is}`;
}

/**
 * Parses a value by a schema, whose faults it tells in our words instead of the library's. A `refine` of the schema gives
 * what it expects as `params: { expected }`.
 *
 * @param whole what the value is called
 * @param separator between the faults; a line each by default
 * @throws Error with the first 20 faults
 */
export function parseInWords<T extends z.ZodType>(
  schema: T,
  value: unknown,
  whole: string,
  separator = '\n',
): z.output<T> {
  const { data, error } = schema.safeParse(value, { error: (issue) => describe(issue, whole) });
  if (error === undefined) return data as z.output<T>;
  const faults = error.issues.flatMap(({ message }) => message.split('\n'));
  const more = faults.length - MAX_FAULTS;
  throw new Error(
    [...faults.slice(0, MAX_FAULTS), ...(more > 0 ? [`and ${more} more`] : [])].join(separator),
  );
}
