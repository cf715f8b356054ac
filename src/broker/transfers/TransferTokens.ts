import { createHmac, randomBytes } from 'node:crypto';

/** How long a token is remembered, in milliseconds: twice the longest deadline. */
const MAX_AGE_MS = 120_000;
const MAX_TOKENS = 4_096;
// Searches for expired tokens during one maximum age, so that not every `issue` searches.
const AGE_CHECKS = 16;

/** A token that was sent to a backend. */
export interface IssuedToken<Owner> {
  readonly owner: Owner;
  readonly issuedAt: number;
  /** The backend has answered: another answer is a replay. */
  isAnswered: boolean;
}

/** Options of {@link TransferTokens}. */
export interface TransferTokensOptions {
  /** A monotonic time in milliseconds. */
  readonly now?: () => number;
  readonly maxAgeMs?: number;
  readonly maxTokens?: number;
}

/**
 * Recently issued tokens, to classify unexpected answers. Bounded in number and age. Looked up by keyed digest, so that
 * timing reveals nothing about a token. Digests are computed at the first lookup, which is rare.
 */
export class TransferTokens<Owner> {
  readonly #key = randomBytes(32);
  readonly #now: () => number;
  readonly #maxAgeMs: number;
  readonly #maxTokens: number;
  // Each in order of issue. All in `#undigested` are younger than those in `#byDigest`.
  readonly #byDigest = new Map<string, IssuedToken<Owner>>();
  readonly #undigested = new Map<string, IssuedToken<Owner>>();
  #forgetAt = Number.NEGATIVE_INFINITY;

  constructor({
    now = () => performance.now(),
    maxAgeMs = MAX_AGE_MS,
    maxTokens = MAX_TOKENS,
  }: TransferTokensOptions = {}) {
    this.#now = now;
    this.#maxAgeMs = maxAgeMs;
    this.#maxTokens = maxTokens;
  }

  /** The number of remembered tokens. */
  get size(): number {
    return this.#byDigest.size + this.#undigested.size;
  }

  issue(token: string, owner: Owner): IssuedToken<Owner> {
    const now = this.#now();
    if (this.size >= this.#maxTokens || now >= this.#forgetAt) this.#forgetOld(now);
    const issued: IssuedToken<Owner> = { owner, issuedAt: now, isAnswered: false };
    this.#undigested.set(token, issued);
    return issued;
  }

  /** The token's record; undefined if it was never issued, or too long ago. */
  find(token: string): IssuedToken<Owner> | undefined {
    for (const [fresh, issued] of this.#undigested) this.#byDigest.set(this.#digest(fresh), issued);
    this.#undigested.clear();
    const issued = this.#byDigest.get(this.#digest(token));
    return issued !== undefined && this.#isYoung(issued) ? issued : undefined;
  }

  #digest(token: string): string {
    return createHmac('sha256', this.#key).update(token).digest('base64');
  }

  #isYoung({ issuedAt }: IssuedToken<Owner>): boolean {
    return this.#now() - issuedAt < this.#maxAgeMs;
  }

  #forgetOld(now: number): void {
    this.#forgetAt = now + this.#maxAgeMs / AGE_CHECKS;
    // Free more than one place, so that a full memory isn't searched at each issue.
    const spare = this.#maxTokens >> 6;
    for (const tokens of [this.#byDigest, this.#undigested]) {
      for (const [key, issued] of tokens) {
        if (this.size < this.#maxTokens - spare && this.#isYoung(issued)) return;
        tokens.delete(key);
      }
    }
  }
}
