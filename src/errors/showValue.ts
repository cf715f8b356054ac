const MAX_SHOWN_CHARACTERS = 80;
const MAX_SHOWN_FIELDS = 5;

/** What a terminal takes for a command, shows nowhere or in another order, and JSON leaves as it is. */
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

/** A value as it stands in an error's message: readable, on one line, and of bounded length whatever it is. */
export function showValue(value: unknown): string {
  try {
    return show(value);
  } catch {
    // A proxy, for instance, that throws at every look.
    return 'an object that can\u2019t be looked at';
  }
}

/** The name of a field as it stands in an error's message. */
export function showName(name: string): string {
  return name.length <= MAX_SHOWN_CHARACTERS && /^[\w$.-]+$/.test(name) ? name : showText(name);
}

/** What an error says, whatever was thrown. */
export function messageOf(error: unknown): string {
  try {
    if (error instanceof Error && typeof error.message === 'string') return error.message;
  } catch {
    // It throws when it's looked at.
  }
  return showValue(error);
}
