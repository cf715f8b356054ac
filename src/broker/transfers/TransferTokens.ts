import { createHmac, randomBytes } from 'node:crypto';

/** Milliseconds for which a token is remembered; the longest deadline is a half of it. */
const MAX_AGE_MS = 120_000;
const MAX_TOKENS = 4_096;
// Times that old ones are looked for while one grows old, so that not every issue has to.
const AGE_CHECKS = 16;

/** What is known of a token that went to a backend. */
export interface IssuedToken<Owner> {
  readonly owner: Owner;
  readonly issuedAt: number;
  /** Its backend has answered for it, so that another answer is a replay. */
  isAnswered: boolean;
}

/** Options of {@link TransferTokens}. */
export interface TransferTokensOptions {
  /** Milliseconds on any steady clock. */
  readonly now?: () => number;
  readonly maxAgeMs?: number;
  readonly maxTokens?: number;
}

/**
 * The tokens that went to backends lately, so that an answer which isn't the awaited one can be told apart. Bounded in
 * number and age. They are searched by keyed digests: how long a search takes says nothing about a token. A digest is made
 * when there is something to search for, which is seldom.
 */
export class TransferTokens<Owner> {
  readonly #key = randomBytes(32);
  readonly #now: () => number;
  readonly #maxAgeMs: number;
  readonly #maxTokens: number;
  // Each in the order of their issue; the second ones are all younger.
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

  /** How many tokens it remembers. */
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

  /** What is known of a token, or undefined if it was never issued, or too long ago. */
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
    // Some more than one, so that a full memory isn't searched at each issue.
    const spare = this.#maxTokens >> 6;
    for (const tokens of [this.#byDigest, this.#undigested]) {
      for (const [key, issued] of tokens) {
        if (this.size < this.#maxTokens - spare && this.#isYoung(issued)) return;
        tokens.delete(key);
      }
    }
  }
}
