/** The parts of an object, read one by one. */
export interface Container {
  /** What it is, if it's no plain object or array: `Map(2)`, or the name of its class. */
  readonly name: string | undefined;
  readonly isList: boolean;
  /** Number of entries. */
  readonly size: number;
  /**
   * Its keys, and functions that read the values and may throw.
   *
   * @param isHidden whether a field's value must not be shown in a key that is an object
   */
  entries(isHidden: (field: string) => boolean): Iterable<readonly [string, () => unknown]>;
  /** Whether it's small and holds no further objects. */
  isFlat(): boolean;
}

/** A larger one would take long to write in digits. */
const MAX_BIGINT = 1n << 4_096n;

/** Most entries of a small object. */
const MAX_FLAT_ENTRIES = 20;

/** Most entries that are shown of an object that is a map's key. */
const MAX_KEY_ENTRIES = 4;

/** A value that is no object, for JSON. */
export function scalarOf(value: unknown): string | number | boolean | null | undefined {
  switch (typeof value) {
    case 'number':
      // JSON has no NaN and infinities.
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return value < MAX_BIGINT && value > -MAX_BIGINT ? `${value}n` : '[bigint of more than 4096 bits]';
    case 'symbol':
      return String(value);
    case 'string':
    case 'boolean':
      return value;
    default:
      return value === null ? null : undefined;
  }
}

/** An object as text, or its parts. Never throws. */
export function readObject(value: object): Container | string {
  try {
    return readThrowing(value);
  } catch {
    // A getter or proxy of the inspected app threw.
    return '[unreadable]';
  }
}

function readThrowing(value: object): Container | string {
  if (typeof value === 'function') return functionText(value);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return itemsOf(value, value.length, undefined);
  return ofXState(value) ?? ofTag(value) ?? instanceOf(value);
}

function functionText({ name }: { readonly name?: unknown }): string {
  return typeof name === 'string' && name !== '' ? `[function ${name}]` : '[function]';
}

/** Actors, snapshots and parts of machines lead to a whole system. */
function ofXState(value: object): Container | string | undefined {
  if ('sessionId' in value && 'getSnapshot' in value && 'id' in value) {
    return fieldsOf({ actor: value.id }, undefined);
  }
  if (!('machine' in value)) {
    return 'root' in value && 'implementations' in value && 'id' in value
      ? `[machine ${String(value.id)}]`
      : undefined;
  }
  if ('path' in value && 'key' in value && 'id' in value) return `#${String(value.id)}`;
  if (!('toJSON' in value) || typeof value.toJSON !== 'function') return undefined;
  const json: unknown = value.toJSON();
  return typeof json === 'object' && json !== null ? fieldsOf(json, undefined) : undefined;
}

/** By tag, since an object may come from another realm. */
function ofTag(value: object): Container | string | undefined {
  if (isA<Error>(value, 'Error') || value instanceof Error) return fieldsOf(errorFields(value), undefined);
  if (isA<Date>(value, 'Date')) {
    return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  }
  if (isA<ReadonlySet<unknown>>(value, 'Set')) return itemsOf(value, value.size, `Set(${value.size})`);
  if (isA<ReadonlyMap<unknown, unknown>>(value, 'Map')) return entriesOf(value);
  if (isA<ArrayBuffer>(value, 'ArrayBuffer') || isA<ArrayBuffer>(value, 'SharedArrayBuffer')) {
    return `[${value.byteLength} bytes]`;
  }
  return undefined;
}

function isA<T>(value: object, tag: string): value is T & object {
  return Object.prototype.toString.call(value) === `[object ${tag}]`;
}

function instanceOf(value: object): Container | string {
  const name = classOf(value);
  const fields = fieldsOf(value, name);
  if (name === undefined || fields.size > 0) return fields;
  // A URL, a RegExp or a boxed value has a text, a promise none.
  return textOf(value) ?? `[${name}]`;
}

function fieldsOf(object: object, name: string | undefined): Container {
  const keys = Object.keys(object);
  return {
    name,
    isList: false,
    size: keys.length,
    *entries() {
      for (const key of keys) yield [key, () => Reflect.get(object, key)];
    },
    // A field that is computed isn't read twice.
    isFlat: () => keys.length <= MAX_FLAT_ENTRIES && keys.every((key) => isFlatField(object, key)),
  };
}

function isFlatField(object: object, key: string): boolean {
  const field = Object.getOwnPropertyDescriptor(object, key);
  return field !== undefined && field.get === undefined && !isObject(field.value);
}

function itemsOf(items: Iterable<unknown>, size: number, name: string | undefined): Container {
  return {
    name,
    isList: true,
    size,
    *entries() {
      for (const item of items) yield ['', () => item];
    },
    isFlat: () => size <= MAX_FLAT_ENTRIES && ![...items].some(isObject),
  };
}

function entriesOf(map: ReadonlyMap<unknown, unknown>): Container {
  return {
    name: `Map(${map.size})`,
    isList: false,
    size: map.size,
    *entries(isHidden) {
      let index = 0;
      for (const [key, value] of map) yield [keyText(key, index++, isHidden), () => value];
    },
    isFlat: () => map.size <= MAX_FLAT_ENTRIES && ![...map.values()].some(isObject),
  };
}

/** Keys of other kinds than texts have their number too, since they may be equal as texts. */
function keyText(key: unknown, index: number, isHidden: (field: string) => boolean): string {
  if (typeof key === 'string') return key;
  const read = isObject(key) ? readObject(key) : String(scalarOf(key));
  return `${index}: ${typeof read === 'string' ? read : shortText(read, isHidden)}`;
}

function shortText(container: Container, isHidden: (field: string) => boolean): string {
  const parts: string[] = [];
  for (const [name, read] of container.entries(isHidden)) {
    if (parts.length === MAX_KEY_ENTRIES) {
      parts.push('…');
      break;
    }
    const text = isHidden(name) ? '[redacted]' : shortValue(read);
    parts.push(container.isList ? text : `${name}: ${text}`);
  }
  return container.isList ? `[${parts.join(', ')}]` : `${container.name ?? ''}{${parts.join(', ')}}`;
}

function shortValue(read: () => unknown): string {
  try {
    const value = read();
    return isObject(value) ? '…' : String(scalarOf(value));
  } catch {
    // A getter of the inspected app threw.
    return '…';
  }
}

/** An error's own fields aren't enumerable, those that an app added are. */
function errorFields(error: Error): object {
  const { name, message } = error;
  const fields: Record<string, unknown> = {
    name: name === 'Error' ? (classOf(error) ?? name) : name,
    message,
  };
  for (const key of [...Object.keys(error), 'cause', 'errors']) {
    if (Object.hasOwn(error, key)) {
      Object.defineProperty(fields, key, { get: () => Reflect.get(error, key), enumerable: true });
    }
  }
  return fields;
}

/** The name of an object's class; undefined for a plain object. */
function classOf(object: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (!isObject(prototype)) return undefined;
  const maker: unknown = Reflect.get(prototype, 'constructor');
  const name: unknown = typeof maker === 'function' ? maker.name : 'Object';
  // Of another realm, `Object` is another function.
  return name === 'Object' ? undefined : String(name || 'anonymous class');
}

/** The text that an object has for itself. */
function textOf(object: object): string | undefined {
  const { toString: make } = object;
  const text: unknown = typeof make === 'function' ? make.call(object) : undefined;
  return typeof text === 'string' && !/^\[object .*\]$/.test(text) ? text : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
