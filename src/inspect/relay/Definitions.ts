interface Entry {
  readonly text: string;
  readonly key: number;
  users: number;
}

/** The definitions of running actors. Thousands of actors may share one, which is much longer than their other data. */
export class Definitions {
  readonly #entries = new Map<string, Entry>();
  #lastKey = 0;

  /**
   * Counts an actor that uses this definition.
   * @returns the key, if the definition is new
   */
  acquire(definition: string): number | undefined {
    const entry = this.#entries.get(definition);
    if (entry) {
      entry.users++;
      return undefined;
    }
    const key = ++this.#lastKey;
    this.#entries.set(definition, { text: definition, key, users: 1 });
    return key;
  }

  /**
   * Counts an actor less that uses this definition.
   * @returns the key, if no actor uses the definition any more; it's then forgotten
   */
  release(definition: string): number | undefined {
    const entry = this.#entries.get(definition);
    if (!entry || --entry.users > 0) return undefined;
    this.#entries.delete(definition);
    return entry.key;
  }

  /** The kept copy of an equal text, to save memory. */
  kept(definition: string): string {
    return this.#entries.get(definition)?.text ?? definition;
  }

  /** The definition's key in messages; undefined if no actor uses it. */
  keyOf(definition: string): number | undefined {
    return this.#entries.get(definition)?.key;
  }

  /** All definitions with their keys. */
  *[Symbol.iterator](): Generator<{ readonly key: number; readonly definition: string }> {
    for (const [definition, { key }] of this.#entries) yield { key, definition };
  }
}
