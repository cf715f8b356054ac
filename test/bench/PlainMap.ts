import type { HandoffFallbackReason } from '../../machines';
import type { HandoffAttemptDecision, HandoffAttemptInputs } from '../../src';

interface Window {
  openedAt: number;
  count: number;
}

function fallback(reason: HandoffFallbackReason): HandoffAttemptDecision {
  return Object.freeze({
    type: 'fallbackToReconnect',
    reason,
    usesBackendReconnect: true,
    sendsClientError: false,
  });
}

const ATTEMPT: HandoffAttemptDecision = Object.freeze({ type: 'attempt' });
const CLIENT_UNSUPPORTED = fallback('clientUnsupported');
const SERVICE_POLICY_DISABLED = fallback('servicePolicyDisabled');
const FD_PRESSURE_DISABLED = fallback('fdPressureDisabled');
const ADOPTED_BACKEND = fallback('adoptedBackend');
const FAILED = fallback('backendAckTimeout');

/** The yardstick: the same rules in the fewest lines of plain JavaScript, with no check of its arguments and no timers. */
export class PlainMap {
  readonly #windows = new Map<string, Window>();

  constructor(
    readonly maximum: number,
    readonly windowMs: number,
  ) {}

  shouldAttempt(backend: string, inputs: HandoffAttemptInputs, now: number): HandoffAttemptDecision {
    if (!inputs.clientSupportsHandoff) return CLIENT_UNSUPPORTED;
    if (!inputs.servicePolicyEnabled) return SERVICE_POLICY_DISABLED;
    if (inputs.fdPressureDisabled) return FD_PRESSURE_DISABLED;
    if (inputs.backendAdoptedExisting) return ADOPTED_BACKEND;
    const window = this.#windows.get(backend);
    if (window === undefined) return ATTEMPT;
    this.#touch(window, now);
    if (window.count < this.maximum) return ATTEMPT;
    const retryAfterMs = this.windowMs - Math.max(0, now - window.openedAt);
    return {
      type: 'fallbackToReconnect',
      reason: 'failedAttemptRateLimited',
      retryAfterMs,
      usesBackendReconnect: true,
      sendsClientError: false,
    };
  }

  recordFailedAttempt(backend: string, now: number): HandoffAttemptDecision {
    let window = this.#windows.get(backend);
    if (window === undefined) {
      window = { openedAt: now, count: 0 };
      this.#windows.set(backend, window);
    } else this.#touch(window, now);
    if (window.count < this.maximum) window.count++;
    return FAILED;
  }

  recordSuccess(backend: string): void {
    this.#windows.delete(backend);
  }

  #touch(window: Window, now: number): void {
    if (now - window.openedAt < this.windowMs) return;
    window.openedAt = now;
    window.count = 0;
  }
}
