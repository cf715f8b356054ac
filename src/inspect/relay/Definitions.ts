interface Entry {
  readonly text: string;
  readonly key: number;
  users: number;
}

/** The charts of actors that live. Thousands of actors share one, which is many times as long as all else about them. */
export class Definitions {
  readonly #entries = new Map<string, Entry>();
  #lastKey = 0;

  /**
   * An actor follows this chart.
   * @returns its new key, if nobody followed it before
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
   * An actor that followed it is gone, or has another chart.
   * @returns the key of a chart that nobody follows any more, which is forgotten
   */
  release(definition: string): number | undefined {
    const entry = this.#entries.get(definition);
    if (!entry || --entry.users > 0) return undefined;
    this.#entries.delete(definition);
    return entry.key;
  }

  /** The same text as it's kept, so that nobody keeps another copy. */
  kept(definition: string): string {
    return this.#entries.get(definition)?.text ?? definition;
  }

  /** What stands for it in messages; undefined if nobody follows it. */
  keyOf(definition: string): number | undefined {
    return this.#entries.get(definition)?.key;
  }

  /** All, with their keys. */
  *[Symbol.iterator](): Generator<{ readonly key: number; readonly definition: string }> {
    for (const [definition, { key }] of this.#entries) yield { key, definition };
  }
}
