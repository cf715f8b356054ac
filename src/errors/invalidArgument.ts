import { countCharacters } from './characters';
import { meantName } from './nearestName';
import { onRejection } from './onRejection';
import { messageOf, showName, showValue } from './showValue';

const MAX_ITEMS = 100_000;

function refuse(field: string, expected: string, value: unknown): string {
  // A promise is a wrong value; its rejection must still be handled.
  onRejection(value, () => {});
  return `${field} must be ${expected}, but is ${showValue(value)}`;
}

/** The error for a value of the wrong type: a TypeError with code `ERR_INVALID_ARG_TYPE`. */
export function invalidType(field: string, expected: string, value: unknown): TypeError {
  return Object.assign(new TypeError(refuse(field, expected, value)), { code: 'ERR_INVALID_ARG_TYPE' });
}

/** The error for a value outside its range: a RangeError with code `ERR_OUT_OF_RANGE`. */
export function outOfRange(field: string, expected: string, value: unknown): RangeError {
  return Object.assign(new RangeError(refuse(field, expected, value)), { code: 'ERR_OUT_OF_RANGE' });
}

/** The hint for an unknown option: the most similar name, or all names. */
export function describeUnknownOption(object: string, name: string, known: readonly string[]): string {
  const meant = meantName(name, known);
  const advice = meant === undefined ? `there are ${known.join(', ')}` : `did you mean \`${meant}\`?`;
  return `unknown option \`${object}${showName(name)}\`; ${advice}`;
}

/**
 * The error for an unknown option: a TypeError with code `ERR_UNKNOWN_OPTION`.
 *
 * @param object prefix of the option's name, such as `services[0].`.
 */
export function unknownOption(object: string, name: string, known: readonly string[]): TypeError {
  return Object.assign(new TypeError(describeUnknownOption(object, name, known)), {
    code: 'ERR_UNKNOWN_OPTION',
  });
}

/** The error for a value that throws when it's read, such as a getter or a proxy: code `ERR_INVALID_ARG_TYPE`. */
export function unreadable(field: string, cause: unknown): TypeError {
  return Object.assign(new TypeError(`${field} can't be read: ${messageOf(cause)}`, { cause }), {
    code: 'ERR_INVALID_ARG_TYPE',
  });
}

/** Reads a caller's value. Throws a TypeError that names the field if reading throws. */
export function readGiven<T>(field: string, look: () => T): T {
  try {
    return look();
  } catch (cause) {
    throw unreadable(field, cause);
  }
}

/** Returns a finite number from 0. Throws a TypeError or RangeError that names the field and the value. */
export function requireMilliseconds(field: string, value: unknown): number {
  if (typeof value !== 'number') throw invalidType(field, 'a number of milliseconds', value);
  if (!Number.isFinite(value) || value < 0) throw outOfRange(field, 'finite milliseconds from 0', value);
  return value;
}

/** Returns milliseconds within bounds. Throws a TypeError or RangeError that names the field and the value. */
export function requireSpan(field: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number') throw invalidType(field, 'a number of milliseconds', value);
  if (!(value >= min && value <= max)) throw outOfRange(field, `milliseconds from ${min} to ${max}`, value);
  return value;
}

/** Returns an integer within bounds. Throws a TypeError or RangeError that names the field and the value. */
export function requireCount(field: string, value: unknown, min = 0, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number') throw invalidType(field, 'a number', value);
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    const bounds = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
    throw outOfRange(field, `an integer ${bounds}`, value);
  }
  return value;
}

/** Returns a boolean. Throws a TypeError that names the field and the value. */
export function requireBoolean(field: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalidType(field, 'a boolean', value);
  return value;
}

/** Throws a TypeError that names the field and the value, unless it's a function or undefined. */
export function requireFunction(field: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw invalidType(field, 'a function', value);
}

/** Returns a string of `min` to `max` characters. Throws a TypeError or RangeError that names the field and the value. */
export function requireText(field: string, value: unknown, min: number, max: number): string {
  if (typeof value !== 'string') throw invalidType(field, 'a string', value);
  if (
    value.length < min ||
    (value.length > max && (value.length > 2 * max || countCharacters(value) > max))
  ) {
    const expected =
      max === Number.POSITIVE_INFINITY ? 'a non-empty string' : `a string of ${min} to ${max} characters`;
    throw outOfRange(field, expected, value);
  }
  return value;
}

/** Returns an array of at most 100,000. Throws a TypeError or RangeError that names the field and the value. */
export function requireArray(field: string, value: unknown): readonly unknown[] {
  if (!isArray(value)) throw invalidType(field, 'an array', value);
  if (readGiven(field, () => value.length) > MAX_ITEMS)
    throw outOfRange(field, `an array of at most ${MAX_ITEMS}`, value);
  // Copy, which turns holes into undefined.
  return readGiven(field, () => Array.from(value));
}

/** Returns an object (not an array). Throws a TypeError that names the field and the value. */
export function requireObject(field: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || isArray(value)) {
    throw invalidType(field, 'an object', value);
  }
  return value as Record<string, unknown>;
}

function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    // A revoked proxy.
    return false;
  }
}
