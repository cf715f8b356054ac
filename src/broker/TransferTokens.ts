import { createHmac, randomBytes } from 'node:crypto';

/** Milliseconds for which a token is remembered; the longest deadline is a half of it. */
const MAX_AGE_MS = 120_000;
const MAX_TOKENS = 4_096;

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
 * number and age. It holds keyed digests instead of tokens: how long a search takes says nothing about a token, and there
 * is nothing here to leak.
 */
export class TransferTokens<Owner> {
  readonly #key = randomBytes(32);
  readonly #now: () => number;
  readonly #maxAgeMs: number;
  readonly #maxTokens: number;
  // In the order of their issue.
  readonly #tokens = new Map<string, IssuedToken<Owner>>();

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
    return this.#tokens.size;
  }

  issue(token: string, owner: Owner): IssuedToken<Owner> {
    this.#forgetOld();
    const issued: IssuedToken<Owner> = { owner, issuedAt: this.#now(), isAnswered: false };
    this.#tokens.set(this.#digest(token), issued);
    return issued;
  }

  /** What is known of a token, or undefined if it was never issued, or too long ago. */
  find(token: string): IssuedToken<Owner> | undefined {
    const issued = this.#tokens.get(this.#digest(token));
    return issued !== undefined && this.#isYoung(issued) ? issued : undefined;
  }

  #digest(token: string): string {
    return createHmac('sha256', this.#key).update(token).digest('base64');
  }

  #isYoung({ issuedAt }: IssuedToken<Owner>): boolean {
    return this.#now() - issuedAt < this.#maxAgeMs;
  }

  #forgetOld(): void {
    for (const [digest, issued] of this.#tokens) {
      if (this.#tokens.size < this.#maxTokens && this.#isYoung(issued)) return;
      this.#tokens.delete(digest);
    }
  }
}
