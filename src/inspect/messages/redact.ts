/** Names of fields that may hold a secret. */
const SECRET_FIELD =
  /token|secret|password|passwd|authorization|cookie|credential|api_?key|early_?data|payload/i;

const MAX_CHARACTERS = 1_000;
const MAX_KEY_CHARACTERS = 200;

/** Most values in one copy: circular data, or data with many references to one object, could grow without end. */
const MAX_VALUES = 10_000;

interface CopyLimits {
  readonly hidesSecrets: boolean;
  readonly maxDepth: number;
  /** Most items of one array or object. */
  readonly maxItems: number;
}

const DATA: CopyLimits = { hidesSecrets: true, maxDepth: 8, maxItems: 100 };

/** For state names: never redacted, and with higher bounds. */
const CHART: CopyLimits = { hidesSecrets: false, maxDepth: 64, maxItems: 2_000 };

/**
 * A JSON-safe copy for display: secrets, binary data and functions are replaced; depth, items and text lengths are bounded.
 * Never throws.
 */
export function redact(value: unknown): unknown {
  return new BoundedCopy(DATA).of(value, 0);
}

/** As {@link redact}, for names of states: redacts nothing and has higher bounds. */
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
        // JSON has no NaN and infinities.
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
      // Not by assignment: a field `__proto__` would set the copy's prototype.
      return Object.fromEntries(
        keys.map((key) => [cut(key, MAX_KEY_CHARACTERS), this.#field(value, key, depth)]),
      );
    } catch {
      // A getter or proxy of the inspected app threw.
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
