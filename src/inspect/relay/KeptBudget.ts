/** Bytes that are kept for one sender. */
const MAX_OF_ONE = 16 * 1024 * 1024;

/** Bytes that are kept for all senders, as long as each one keeps to its share of them. */
const MAX_IN_ALL = 64 * 1024 * 1024;

/** What a map's entry takes, and whatever hangs on it beside texts. */
const BYTES_OF_AN_ENTRY = 1_000;

/** Most that an entry with these texts takes. */
export function bytesOf(...texts: readonly (string | undefined)[]): number {
  return texts.reduce((bytes, text) => bytes + 2 * (text?.length ?? 0), BYTES_OF_AN_ENTRY);
}

/**
 * How much is kept of what senders sent. When it is too much in all, it's at the cost of those that have more than an
 * equal share: who sends little is not crowded out.
 */
export class KeptBudget {
  readonly #used = new Map<object, number>();
  #usedInAll = 0;

  /** @returns false: it's too much, and nothing is taken */
  take(sender: object, bytes: number): boolean {
    const used = (this.#used.get(sender) ?? 0) + bytes;
    if (bytes > 0 && used > this.#boundOf(sender, bytes)) return false;
    this.#used.set(sender, used);
    this.#usedInAll += bytes;
    return true;
  }

  /** The sender has gone, with all that was kept. */
  end(sender: object): void {
    this.#usedInAll -= this.#used.get(sender) ?? 0;
    this.#used.delete(sender);
  }

  #boundOf(sender: object, bytes: number): number {
    if (this.#usedInAll + bytes <= MAX_IN_ALL) return MAX_OF_ONE;
    const senders = this.#used.size + (this.#used.has(sender) ? 0 : 1);
    return Math.min(MAX_OF_ONE, MAX_IN_ALL / senders);
  }
}
