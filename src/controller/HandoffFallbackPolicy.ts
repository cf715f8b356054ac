import { readGiven, requireCount, requireMilliseconds } from '../errors/invalidArgument';
import { type OptionNames, readOptions } from '../errors/readOptions';

/** Default of `maxFailedAttemptsPerWindow`: 8. */
export const DEFAULT_HANDOFF_FAILED_ATTEMPTS_PER_WINDOW = 8;

/** Default of `failedAttemptWindowMs`: 30,000. */
export const DEFAULT_HANDOFF_FAILED_ATTEMPT_WINDOW_MS = 30_000;

export interface HandoffFallbackPolicyOptions {
  /**
   * Failed attempts that use up a window's budget: an integer; 0 is taken as 1.
   * @default 8
   */
  readonly maxFailedAttemptsPerWindow?: number | undefined;
  /**
   * Length of the window in milliseconds, fractions allowed; 0 is taken as 1. May exceed the longest delay of one timer.
   * @default 30000
   */
  readonly failedAttemptWindowMs?: number | undefined;
}

const OPTION_NAMES: OptionNames<HandoffFallbackPolicyOptions> = {
  maxFailedAttemptsPerWindow: true,
  failedAttemptWindowMs: true,
};

/** How many failed attempts within how long a window suppress handoff to a backend. Immutable. */
export class HandoffFallbackPolicy {
  /** Failed attempts that use up a window's budget, from 1. */
  readonly maxFailedAttemptsPerWindow: number;
  /** Length of the window in milliseconds, over 0. */
  readonly failedAttemptWindowMs: number;

  /**
   * @throws TypeError a field has the wrong type, or isn't known
   * @throws RangeError a field is NaN, infinite, negative, or a fractional maximum
   */
  constructor(options: HandoffFallbackPolicyOptions = {}) {
    const {
      maxFailedAttemptsPerWindow = DEFAULT_HANDOFF_FAILED_ATTEMPTS_PER_WINDOW,
      failedAttemptWindowMs = DEFAULT_HANDOFF_FAILED_ATTEMPT_WINDOW_MS,
    } = readOptions('policy', options, OPTION_NAMES);
    this.maxFailedAttemptsPerWindow =
      requireCount('policy.maxFailedAttemptsPerWindow', maxFailedAttemptsPerWindow) || 1;
    this.failedAttemptWindowMs =
      requireMilliseconds('policy.failedAttemptWindowMs', failedAttemptWindowMs) || 1;
    Object.freeze(this);
  }
}

/**
 * Returns a policy as it is, or creates one from its fields.
 * @throws TypeError or RangeError as the constructor of `HandoffFallbackPolicy`
 */
export function toPolicy(value: unknown): HandoffFallbackPolicy {
  if (readGiven('policy', () => value instanceof HandoffFallbackPolicy))
    return value as HandoffFallbackPolicy;
  return new HandoffFallbackPolicy(value as HandoffFallbackPolicyOptions | undefined);
}
