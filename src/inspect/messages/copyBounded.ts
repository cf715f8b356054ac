import { type Container, readObject, scalarOf } from './readObject';

/** In place of what is left out because of the bounds. */
export const LEFT_OUT = '[…]';

/** Most characters of a copy as JSON, approximately. */
const MAX_CHARACTERS = 200_000;

/** JSON's quotes, comma and colon, with which even an empty text takes room. */
const CHARACTERS_OF_A_VALUE = 6;

const MAX_TEXT_CHARACTERS = 1_000;
const MAX_KEY_CHARACTERS = 200;
const MAX_DEPTH = 64;

export interface CopyLimits {
  /** Whether the values of fields of this name are replaced. */
  isHidden(field: string): boolean;
  /** Most items of one array or object. */
  readonly maxItems: number;
}

/** An object or array to be copied. */
interface Job {
  readonly source: object;
  readonly path: string;
  readonly depth: number;
  /** Puts the copy where it belongs, in place of `[…]`. */
  place(copy: unknown): void;
}

/**
 * A JSON-safe copy whose size and whose effort are bounded. Level by level, so that a large field takes no room from the others
 * beside it. An object is copied where it comes first, and named at its other places: the copy of data in which everything
 * refers to everything is no larger than the data. Never throws.
 *
 * @param path the value's place, for references to it
 */
export function copyBounded(value: unknown, path: string, limits: CopyLimits): unknown {
  return new BoundedCopy(limits).of(value, path);
}

class BoundedCopy {
  readonly #limits: CopyLimits;
  readonly #jobs: Job[] = [];
  readonly #copied = new Map<object, { readonly path: string; readonly isFlat: boolean }>();
  #room = MAX_CHARACTERS;

  constructor(limits: CopyLimits) {
    this.#limits = limits;
  }

  of(value: unknown, path: string): unknown {
    let copy: unknown;
    this.#put(value, path, 0, (placed) => {
      copy = placed;
    });
    // The loop also takes the jobs that it adds.
    for (const job of this.#jobs) {
      if (this.#room <= 0) break;
      try {
        this.#copy(job);
      } catch {
        // A getter or proxy of the inspected app threw.
        job.place('[unreadable]');
      }
    }
    return copy;
  }

  #put(value: unknown, path: string, depth: number, place: Job['place']): void {
    if ((typeof value === 'object' && value !== null) || typeof value === 'function') {
      place(LEFT_OUT);
      if (depth < MAX_DEPTH) this.#jobs.push({ source: value, path, depth, place });
      return;
    }
    const scalar = scalarOf(value);
    place(typeof scalar === 'string' ? this.#text(scalar, MAX_TEXT_CHARACTERS) : scalar);
  }

  #text(text: string, maxCharacters: number): string {
    const shown = text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text;
    this.#room -= shown.length + CHARACTERS_OF_A_VALUE;
    return this.#room > 0 ? shown : LEFT_OUT;
  }

  #copy(job: Job): void {
    const { source, path, place } = job;
    const earlier = this.#copied.get(source);
    if (earlier !== undefined && !earlier.isFlat) {
      place(this.#text(referenceTo(earlier.path, path), MAX_TEXT_CHARACTERS));
      return;
    }
    const read = readObject(source);
    if (typeof read === 'string') {
      place(this.#text(read, MAX_TEXT_CHARACTERS));
      return;
    }
    this.#copied.set(source, { path, isFlat: read.isFlat() });
    const copy = read.isList ? this.#list(read, job) : this.#fields(read, job);
    place(read.name === undefined ? copy : { [read.name]: copy });
  }

  #list(container: Container, { path, depth }: Job): unknown[] {
    const copy: unknown[] = [];
    const { maxItems } = this.#limits;
    let index = 0;
    for (const [, read] of container.entries(this.#limits.isHidden)) {
      if (index >= maxItems || this.#room <= 0) break;
      const at = index++;
      this.#room -= CHARACTERS_OF_A_VALUE;
      this.#put(safely(read), join(path, String(at)), depth + 1, (placed) => {
        copy[at] = placed;
      });
    }
    if (container.size > index) copy.push(`… ${container.size - index} more`);
    return copy;
  }

  #fields(container: Container, { path, depth }: Job): object {
    const copy = {};
    let count = 0;
    for (const [key, read] of container.entries(this.#limits.isHidden)) {
      if (count >= this.#limits.maxItems || this.#room <= 0) break;
      count++;
      const name = this.#text(key, MAX_KEY_CHARACTERS);
      if (this.#limits.isHidden(key)) set(copy, name, '[redacted]');
      else this.#put(safely(read), join(path, name), depth + 1, (placed) => set(copy, name, placed));
    }
    if (container.size > count) set(copy, '…', `${container.size - count} more`);
    return copy;
  }
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** Not by assignment: a field `__proto__` would set the copy's prototype. */
function set(copy: object, key: string, value: unknown): void {
  Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true });
}

function referenceTo(place: string, from: string): string {
  const isInside = place === '' || from.startsWith(`${place}.`);
  return `[${isInside ? 'circular: ' : 'same as '}${place === '' ? 'the whole' : place}]`;
}

function safely(read: () => unknown): unknown {
  try {
    return read();
  } catch {
    // A getter or proxy of the inspected app threw.
    return '[unreadable]';
  }
}
