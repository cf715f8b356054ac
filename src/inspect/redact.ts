/** Fields that may hold a secret, whoever's chart it is. */
const SECRET_FIELD =
  /token|secret|password|passwd|authorization|cookie|credential|api_?key|early_?data|payload/i;

const MAX_DEPTH = 8;
const MAX_ITEMS = 100;
const MAX_CHARACTERS = 1_000;

/**
 * A JSON-safe copy for people to read: without secrets, binary data and functions, and bounded in depth, items and
 * characters. Never throws.
 */
export function redact(value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case 'string':
      return value.length > MAX_CHARACTERS ? `${value.slice(0, MAX_CHARACTERS)}…` : value;
    case 'number':
      // JSON has no form for these.
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
    case 'symbol':
      return String(value);
    case 'function':
      return `[function ${value.name}]`;
    case 'object':
      return value === null ? null : redactObject(value, depth);
    default:
      return value;
  }
}

function redactObject(value: object, depth: number): unknown {
  try {
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
    if (depth >= MAX_DEPTH) return '[…]';
    if (value instanceof Error) return { name: value.name, message: redact(value.message, depth + 1) };
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (isActor(value)) return { actor: value.id };
    if (Array.isArray(value)) return redactItems(value, depth);
    if (value instanceof Set) return redactItems([...value], depth);
    if (value instanceof Map) return redactItems([...value], depth);
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(value).slice(0, MAX_ITEMS)) {
      copy[key] = SECRET_FIELD.test(key) ? '[redacted]' : redact(Reflect.get(value, key), depth + 1);
    }
    return copy;
  } catch {
    // A getter or a proxy of the watched app threw; the watcher must not.
    return '[unreadable]';
  }
}

function redactItems(items: readonly unknown[], depth: number): unknown[] {
  const copy = items.slice(0, MAX_ITEMS).map((item) => redact(item, depth + 1));
  if (items.length > MAX_ITEMS) copy.push(`… ${items.length - MAX_ITEMS} more`);
  return copy;
}

function isActor(value: object): value is { readonly id: unknown } {
  return 'sessionId' in value && 'getSnapshot' in value && 'id' in value;
}
