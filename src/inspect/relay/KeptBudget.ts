/** Most bytes kept for one sender. */
const MAX_OF_ONE = 16 * 1024 * 1024;

/** Most bytes kept for all senders. Beyond it, only senders below their equal share may add. */
const MAX_IN_ALL = 64 * 1024 * 1024;

/** Estimated bytes of an entry without its texts. */
const BYTES_OF_AN_ENTRY = 1_000;

/** Upper bound of the bytes of an entry with these texts. */
export function bytesOf(...texts: readonly (string | undefined)[]): number {
  return texts.reduce((bytes, text) => bytes + 2 * (text?.length ?? 0), BYTES_OF_AN_ENTRY);
}

/**
 * Bounds the memory for what senders sent. When the total is used up, only senders above their equal share are refused, so
 * that a large sender can't displace a small one.
 */
export class KeptBudget {
  readonly #used = new Map<object, number>();
  #usedInAll = 0;

  /** @returns false if the bound would be exceeded; nothing is taken then */
  take(sender: object, bytes: number): boolean {
    const used = (this.#used.get(sender) ?? 0) + bytes;
    if (bytes > 0 && used > this.#boundOf(sender, bytes)) return false;
    this.#used.set(sender, used);
    this.#usedInAll += bytes;
    return true;
  }

  /** Frees everything of a sender. */
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
