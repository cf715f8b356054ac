const MAX_SHOWN_CHARACTERS = 80;

/** A value as it stands in an error message, at most 80 characters of it. */
function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text;
}

function safelyShow(value: unknown): string {
  try {
    return show(value);
  } catch {
    // An object without a prototype has no string form.
    return typeof value;
  }
}

function message(field: string, expected: string, value: unknown): string {
  return `${field} must be ${expected}, but is ${safelyShow(value)}`;
}

/** The error for a value of the wrong type: a TypeError with code `ERR_INVALID_ARG_TYPE`. */
export function invalidType(field: string, expected: string, value: unknown): TypeError {
  return Object.assign(new TypeError(message(field, expected, value)), { code: 'ERR_INVALID_ARG_TYPE' });
}

/** The error for a value outside its range: a RangeError with code `ERR_OUT_OF_RANGE`. */
export function outOfRange(field: string, expected: string, value: unknown): RangeError {
  return Object.assign(new RangeError(message(field, expected, value)), { code: 'ERR_OUT_OF_RANGE' });
}

/** Returns a finite number from 0. Throws a TypeError or RangeError that names the field and the value. */
export function requireMilliseconds(field: string, value: unknown): number {
  if (typeof value !== 'number') throw invalidType(field, 'a number of milliseconds', value);
  if (!Number.isFinite(value) || value < 0) throw outOfRange(field, 'finite milliseconds from 0', value);
  return value;
}

/** Returns an integer from 0. Throws a TypeError or RangeError that names the field and the value. */
export function requireCount(field: string, value: unknown): number {
  if (typeof value !== 'number') throw invalidType(field, 'a number', value);
  if (!Number.isSafeInteger(value) || value < 0) throw outOfRange(field, 'an integer from 0', value);
  return value;
}

/** Returns an object (not an array). Throws a TypeError that names the field and the value. */
export function requireObject(field: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidType(field, 'an object', value);
  }
  return value as Record<string, unknown>;
}
