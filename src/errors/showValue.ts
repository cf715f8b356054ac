const MAX_SHOWN_CHARACTERS = 80;
const MAX_SHOWN_FIELDS = 5;

/** Characters that JSON doesn't escape but a terminal executes, hides or reorders. */
const UNREADABLE = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function cut(text: string): string {
  return text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text;
}

function showText(text: string): string {
  return JSON.stringify(cut(text)).replace(UNREADABLE, escaped);
}

function showObject(value: object): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : `an array of ${value.length}`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) {
    const { name } = value.constructor;
    if (name !== 'Object') return `an instance of ${showName(name)}`;
  }
  const fields = Object.keys(value);
  if (fields.length === 0) return 'an empty object';
  const shown = fields.slice(0, MAX_SHOWN_FIELDS).map(showName);
  return `an object with ${shown.join(', ')}${fields.length > shown.length ? ', …' : ''}`;
}

function show(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return showText(value);
    case 'bigint':
      return cut(`${value}n`);
    case 'function':
      return 'a function';
    case 'symbol':
      return `Symbol(${value.description === undefined ? '' : showName(value.description)})`;
    case 'object':
      return value === null ? 'null' : showObject(value);
    default:
      return String(value);
  }
}

/** Formats any value for an error message: readable, on one line, of bounded length. */
export function showValue(value: unknown): string {
  try {
    return show(value);
  } catch {
    // For instance a proxy whose traps throw.
    return 'an object that can\u2019t be looked at';
  }
}

/** Formats a field name for an error message. */
export function showName(name: string): string {
  return name.length <= MAX_SHOWN_CHARACTERS && /^[\w$.-]+$/.test(name) ? name : showText(name);
}

/** A field of any thrown value; undefined if it has none, or reading it throws. */
export function fieldOf(error: unknown, field: 'message' | 'stack' | 'cause' | 'code'): unknown {
  try {
    return error instanceof Error ? (error as NodeJS.ErrnoException)[field] : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a thrown value is an error whose message can be read. `instanceof` itself throws for a revoked proxy. */
export function isError(value: unknown): value is Error {
  return typeof fieldOf(value, 'message') === 'string';
}

/** A path for a message: as it is, unless it has characters that a terminal executes, hides or reorders. */
export function showPath(path: string): string {
  return /\p{Cc}/u.test(path) || path.search(UNREADABLE) !== -1 ? showText(path) : path;
}

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  const message = fieldOf(error, 'message');
  return typeof message === 'string' ? message : showValue(error);
}

/** The stack of any thrown value; undefined if it has none. */
export function stackOf(error: unknown): string | undefined {
  const stack = fieldOf(error, 'stack');
  return typeof stack === 'string' ? stack : undefined;
}
