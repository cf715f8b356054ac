import { LEFT_OUT } from './copyBounded';
import { redact } from './redact';

/** Most characters of the chart in a definition, and of other data in it, as JSON. */
const MAX_CHART_CHARACTERS = 1_000_000;
const MAX_DATA_CHARACTERS = 500_000;

/** Most characters of a name or description. */
const MAX_TEXT_CHARACTERS = 10_000;

/** Deepest nesting, as JSON: a level of states takes two. */
const MAX_NESTING = 190;

/** JSON's quotes, comma and colon. */
const CHARACTERS_OF_A_FIELD = 6;

/** Fields with texts that are shown as they are. */
const TEXT_FIELDS = new Set(['id', 'key', 'type', 'description', 'history', 'src', 'systemId', 'version']);

/** What the fields of a part of a definition are; all others are data. A list has the shape of each of its items. */
interface Shape {
  readonly fields?: Readonly<Record<string, Shape>>;
  /** It has names, each with a value of this shape. */
  readonly each?: Shape;
}

const CALL: Shape = {};
const TRANSITION: Shape = { fields: { target: {}, guard: CALL, cond: CALL, actions: CALL } };
const DONE = { onDone: TRANSITION, onError: TRANSITION, onSnapshot: TRANSITION };
const INVOKED: Shape = { fields: DONE };

/** A machine's config, or a state's. */
const STATE: Shape = {
  fields: {
    ...DONE,
    // A getter, since a state's states are states.
    get states(): Shape {
      return STATES;
    },
    on: { each: TRANSITION },
    after: { each: TRANSITION },
    always: TRANSITION,
    route: TRANSITION,
    target: {},
    initial: TRANSITION,
    invoke: INVOKED,
    entry: CALL,
    exit: CALL,
  },
};
const STATES: Shape = { each: STATE };

/**
 * A JSON-safe copy of a machine's config. Its size is bounded, the data in it (context, input, params, meta) apart from the
 * chart and without secrets. What is left out is `[…]`.
 *
 * @param functionText a function's name, or its parts
 */
export function copyDefinition(config: object, functionText: (fn: FunctionLike) => string): unknown {
  return new DefinitionCopy(functionText).of(config, STATE, 0);
}

interface FunctionLike {
  readonly name: string;
}

class DefinitionCopy {
  readonly #functionText: (fn: FunctionLike) => string;
  readonly #outer = new Set<object>();
  #chartRoom = MAX_CHART_CHARACTERS;
  #dataRoom = MAX_DATA_CHARACTERS;

  constructor(functionText: (fn: FunctionLike) => string) {
    this.#functionText = functionText;
  }

  of(value: unknown, shape: Shape, depth: number): unknown {
    this.#chartRoom -= CHARACTERS_OF_A_FIELD;
    if (this.#chartRoom <= 0) return LEFT_OUT;
    if (typeof value === 'string') return this.#text(value);
    if (typeof value === 'function') return { type: this.#functionText(value) };
    if (typeof value !== 'object' || value === null) return redact(value);
    if (this.#outer.has(value)) return '[Circular]';
    if (depth >= MAX_NESTING) return LEFT_OUT;
    this.#outer.add(value);
    try {
      return Array.isArray(value)
        ? this.#items(value, shape, depth + 1)
        : this.#fields(value, shape, depth + 1);
    } finally {
      this.#outer.delete(value);
    }
  }

  #items(items: readonly unknown[], shape: Shape, depth: number): unknown[] {
    const copy: unknown[] = [];
    for (const item of items) {
      copy.push(this.of(item, shape, depth));
      if (this.#chartRoom <= 0) break;
    }
    return copy;
  }

  #fields(object: object, shape: Shape, depth: number): object {
    const copy: [string, unknown][] = [];
    for (const key of Object.keys(object)) {
      copy.push([this.#text(key), this.#field(key, read(object, key), shape, depth)]);
      if (this.#chartRoom <= 0) break;
    }
    return Object.fromEntries(copy);
  }

  #field(key: string, value: unknown, shape: Shape, depth: number): unknown {
    const inner = shape.each ?? (Object.hasOwn(shape.fields ?? {}, key) ? shape.fields?.[key] : undefined);
    if (inner !== undefined) return this.of(value, inner, depth);
    // The logic of an inline invoked actor may be a whole chart.
    if (key === 'src' && typeof value === 'object' && value !== null) return 'inline';
    if (typeof value === 'function' || (typeof value === 'string' && TEXT_FIELDS.has(key))) {
      return this.of(value, {}, depth);
    }
    return this.#data(key, value);
  }

  #data(key: string, value: unknown): unknown {
    if (this.#dataRoom <= 0) return LEFT_OUT;
    const copy = redact({ [key]: value }) as Readonly<Record<string, unknown>>;
    this.#dataRoom -= JSON.stringify(copy).length;
    return Object.values(copy)[0];
  }

  #text(text: string): string {
    const shown = text.length > MAX_TEXT_CHARACTERS ? `${text.slice(0, MAX_TEXT_CHARACTERS)}…` : text;
    this.#chartRoom -= shown.length;
    return shown;
  }
}

function read(object: object, key: string): unknown {
  try {
    return Reflect.get(object, key);
  } catch {
    // A getter of the inspected app threw.
    return '[unreadable]';
  }
}
