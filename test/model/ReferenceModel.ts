import type {
  BackendHandoffState,
  HandoffAttemptDecision,
  HandoffAttemptInputs,
  HandoffFailure,
  HandoffFallbackReason,
} from '../../src';

interface Backend {
  window: { openedAt: number; count: number } | undefined;
  adopted: boolean;
  inFlight: number;
}

/**
 * An independent implementation of the policy in plain code, the expected result of generated paths and random runs. It must
 * share no code with `machines` or `src`.
 */
export class ReferenceModel {
  readonly #backends = new Map<string, Backend>();

  constructor(
    readonly maximum: number,
    readonly windowMs: number,
  ) {}

  #get(name: string): Backend {
    const known = this.#backends.get(name);
    if (known) return known;
    const backend: Backend = { window: undefined, adopted: false, inFlight: 0 };
    this.#backends.set(name, backend);
    return backend;
  }

  /** What is left of the window: undefined without one, 0 or less once it is over. */
  leftOf(name: string, now: number): number | undefined {
    const window = this.#get(name).window;
    if (!window) return undefined;
    return now < window.openedAt ? this.windowMs : this.windowMs - (now - window.openedAt);
  }

  #read(name: string, now: number): void {
    const left = this.leftOf(name, now);
    if (left !== undefined && left <= 0) this.#get(name).window = { openedAt: now, count: 0 };
  }

  static #fallback(reason: HandoffFallbackReason): HandoffAttemptDecision {
    return { type: 'fallbackToReconnect', reason, usesBackendReconnect: true, sendsClientError: false };
  }

  shouldAttempt(name: string, inputs: HandoffAttemptInputs, now: number): HandoffAttemptDecision {
    const backend = this.#get(name);
    if (!inputs.clientSupportsHandoff) return ReferenceModel.#fallback('clientUnsupported');
    if (!inputs.servicePolicyEnabled) return ReferenceModel.#fallback('servicePolicyDisabled');
    if (inputs.fdPressureDisabled) return ReferenceModel.#fallback('fdPressureDisabled');
    if (inputs.backendAdoptedExisting !== undefined) backend.adopted = inputs.backendAdoptedExisting;
    if (backend.adopted) return ReferenceModel.#fallback('adoptedBackend');
    this.#read(name, now);
    if (backend.window && backend.window.count === this.maximum) {
      return {
        ...ReferenceModel.#fallback('failedAttemptRateLimited'),
        retryAfterMs: this.leftOf(name, now) ?? 0,
      } as HandoffAttemptDecision;
    }
    backend.inFlight += 1;
    return { type: 'attempt' };
  }

  #end(name: string): void {
    const backend = this.#get(name);
    if (backend.inFlight > 0) backend.inFlight -= 1;
  }

  recordFailedAttempt(name: string, failure: HandoffFailure, now: number): HandoffAttemptDecision {
    this.#read(name, now);
    const backend = this.#get(name);
    backend.window ??= { openedAt: now, count: 0 };
    if (backend.window.count < this.maximum) backend.window.count += 1;
    this.#end(name);
    return ReferenceModel.#fallback(failure);
  }

  recordSuccess(name: string): void {
    this.#get(name).window = undefined;
    this.#end(name);
  }

  recordAbandonedAttempt(name: string): void {
    this.#end(name);
  }

  failedAttemptCount(name: string, now: number): number {
    this.#read(name, now);
    return this.#get(name).window?.count ?? 0;
  }

  markAdopted(name: string): void {
    this.#get(name).adopted = true;
  }

  markSpawned(name: string): void {
    this.#get(name).adopted = false;
  }

  markRejoined(name: string): void {
    this.#get(name).adopted = false;
  }

  forget(name: string): void {
    this.#backends.delete(name);
  }

  /** The windows and adoptions of this model under another policy, `passedMs` of wall clock later, at `now`. */
  restored(
    maximum: number,
    windowMs: number,
    takenAt: number,
    passedMs: number,
    now: number,
  ): ReferenceModel {
    const successor = new ReferenceModel(maximum, windowMs);
    for (const [name, { window, adopted }] of this.#backends) {
      const backend = successor.#get(name);
      backend.adopted = adopted;
      if (!window) continue;
      const left = Math.max(0, this.leftOf(name, takenAt) ?? 0);
      const rest = Math.min(windowMs, Math.max(0, left - Math.max(0, passedMs)));
      backend.window = { openedAt: now - windowMs + rest, count: Math.min(window.count, maximum) };
    }
    return successor;
  }

  /** Opens a window with a count, as a restored controller has it. */
  openWindow(name: string, count: number, now: number): void {
    this.#get(name).window = { openedAt: now, count: Math.min(count, this.maximum) };
  }

  stateOf(name: string, now: number): BackendHandoffState {
    const { adopted, window, inFlight } = this.#get(name);
    if (adopted) return 'adopted';
    if (window && window.count === this.maximum && (this.leftOf(name, now) ?? 0) > 0) return 'rateLimited';
    return inFlight > 0 ? 'attempting' : 'idle';
  }
}
