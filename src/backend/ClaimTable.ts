import { isLater, STAMP_ROUNDING_MS } from '../protocol/stamp';

/** How a claim ended: `granted`, or why it was refused. */
export type ClaimResult = 'granted' | 'expired' | 'claimed' | 'busy';

/** Options of {@link ClaimTable}. */
export interface ClaimTableOptions {
  /** Age in milliseconds at which a stamp is too old to be claimed and its id may be dropped. */
  readonly ttlMs: number;
  /** Most ids held at a time. */
  readonly maxClaims: number;
  /** The clock that the stamps were read from, in milliseconds. */
  readonly now: () => number;
}

/**
 * The connection ids that this process serves or has served. An id is granted once: it stays in the table until its
 * stamp is so old that a second claim would be refused for that alone.
 */
export class ClaimTable {
  readonly #options: ClaimTableOptions;
  readonly #ids = new Set<string>();
  // Ids by the span of time that their stamp lies in: old ones go a span at a time, so a full table costs no search.
  readonly #spans = new Map<number, string[]>();
  readonly #spanMs: number;

  constructor(options: ClaimTableOptions) {
    this.#options = options;
    this.#spanMs = Math.max(1, options.ttlMs / 64);
  }

  /** Number of ids held. */
  get size(): number {
    return this.#ids.size;
  }

  /**
   * Claims an id.
   *
   * @param issuedAt the stamp of its `hello`, in milliseconds of `now`. One of the future is `expired` too: its id would stay
   *   for as long as the client liked.
   */
  claim(id: string, issuedAt: number): ClaimResult {
    const now = this.#options.now();
    if (now - issuedAt > this.#options.ttlMs || isLater(issuedAt, now)) return 'expired';
    if (this.#ids.has(id)) return 'claimed';
    this.#dropOld(now);
    if (this.#ids.size >= this.#options.maxClaims) return 'busy';
    this.#ids.add(id);
    const span = Math.floor(issuedAt / this.#spanMs);
    const ids = this.#spans.get(span);
    if (ids === undefined) this.#spans.set(span, [id]);
    else ids.push(id);
    return 'granted';
  }

  #dropOld(now: number): void {
    for (const [span, ids] of this.#spans) {
      // The whole span has to be too old, its youngest stamp included: with a margin, since its end is a computed fraction.
      if (now - (span + 1) * this.#spanMs <= this.#options.ttlMs + STAMP_ROUNDING_MS) continue;
      for (const id of ids) this.#ids.delete(id);
      this.#spans.delete(span);
    }
  }
}
