/** Fields that may hold a secret, whoever's chart it is. */
const SECRET_FIELD =
  /token|secret|password|passwd|authorization|cookie|credential|api_?key|early_?data|payload/i;

const MAX_CHARACTERS = 1_000;
const MAX_KEY_CHARACTERS = 200;

/** Values in one copy: data that refers to itself, or to the same thing in many places, would otherwise never end. */
const MAX_VALUES = 10_000;

interface CopyLimits {
  readonly hidesSecrets: boolean;
  readonly maxDepth: number;
  /** In one array or object. */
  readonly maxItems: number;
}

const DATA: CopyLimits = { hidesSecrets: true, maxDepth: 8, maxItems: 100 };

/** A chart's states may be called anything, and there may be many of them. */
const CHART: CopyLimits = { hidesSecrets: false, maxDepth: 64, maxItems: 2_000 };

/**
 * A JSON-safe copy for people to read: without secrets, binary data and functions, and bounded in depth, items and
 * characters. Never throws.
 */
export function redact(value: unknown): unknown {
  return new BoundedCopy(DATA).of(value, 0);
}

/** As {@link redact}, for what belongs to the chart and not to its data: nothing is blanked, and more fits in. */
export function boundedChartField(value: unknown): unknown {
  return new BoundedCopy(CHART).of(value, 0);
}

class BoundedCopy {
  readonly #limits: CopyLimits;
  #valuesLeft = MAX_VALUES;

  constructor(limits: CopyLimits) {
    this.#limits = limits;
  }

  of(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case 'string':
        return cut(value, MAX_CHARACTERS);
      case 'number':
        // JSON has no form for these.
        return Number.isFinite(value) ? value : String(value);
      case 'bigint':
      case 'symbol':
        return cut(String(value), MAX_CHARACTERS);
      case 'function':
        return this.#object(value, depth);
      case 'object':
        return value === null ? null : this.#object(value, depth);
      default:
        return value;
    }
  }

  #object(value: object, depth: number): unknown {
    try {
      if (typeof value === 'function') return cut(`[function ${value.name}]`, MAX_CHARACTERS);
      if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
      if (depth >= this.#limits.maxDepth || this.#valuesLeft <= 0) return '[…]';
      if (value instanceof Error) {
        return { name: this.of(value.name, depth + 1), message: this.of(value.message, depth + 1) };
      }
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
      if (isActor(value)) return { actor: this.of(value.id, depth + 1) };
      if (Array.isArray(value)) return this.#items(value, depth);
      if (value instanceof Set || value instanceof Map) return this.#items([...value], depth);
      const keys = Object.keys(value).slice(0, this.#limits.maxItems);
      this.#valuesLeft -= keys.length;
      // Not assigned one by one: a field `__proto__` would be the copy's prototype.
      return Object.fromEntries(
        keys.map((key) => [cut(key, MAX_KEY_CHARACTERS), this.#field(value, key, depth)]),
      );
    } catch {
      // A getter or a proxy of the watched app threw; the watcher must not.
      return '[unreadable]';
    }
  }

  #field(object: object, key: string, depth: number): unknown {
    if (this.#limits.hidesSecrets && SECRET_FIELD.test(key)) return '[redacted]';
    return this.of(Reflect.get(object, key), depth + 1);
  }

  #items(items: readonly unknown[], depth: number): unknown[] {
    const { maxItems } = this.#limits;
    this.#valuesLeft -= Math.min(items.length, maxItems);
    const copy = items.slice(0, maxItems).map((item) => this.of(item, depth + 1));
    if (items.length > maxItems) copy.push(`… ${items.length - maxItems} more`);
    return copy;
  }
}

function cut(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max)}…` : text;
}

function isActor(value: object): value is { readonly id: unknown } {
  return 'sessionId' in value && 'getSnapshot' in value && 'id' in value;
}
