import { type Actor, createActor } from 'xstate';
import { type BackendHandoffEmitted, type BackendHandoffEvent, backendHandoff } from '../../machines';
import { hasWindowElapsed, windowRemainingMs } from '../../machines/failedAttemptWindow';
import type {
  BackendHandoffState,
  HandoffAttemptDecision,
  HandoffAttemptInputs,
  HandoffFailure,
  HandoffFallbackPolicy,
} from '../../src';

interface Interpreted {
  readonly actor: Actor<typeof backendHandoff>;
  emitted: BackendHandoffEmitted[];
  openedAt: number;
  inFlight: number;
}

const NO_TIMERS = { setTimeout: () => 0, clearTimeout: () => undefined };

/** The chart, interpreted by XState for each event: what the controller's table has to agree with. */
export class InterpretedController {
  readonly #backends = new Map<string, Interpreted>();

  constructor(readonly policy: HandoffFallbackPolicy) {}

  #get(name: string): Interpreted {
    const known = this.#backends.get(name);
    if (known) return known;
    const actor = createActor(backendHandoff, { input: { ...this.policy }, clock: NO_TIMERS });
    const backend: Interpreted = { actor, emitted: [], openedAt: Number.NaN, inFlight: 0 };
    actor.on('*', (one) => backend.emitted.push(one));
    actor.start();
    this.#backends.set(name, backend);
    return backend;
  }

  #send(name: string, now: number, toEvent: (elapsed: boolean, others: boolean) => BackendHandoffEvent) {
    const backend = this.#get(name);
    const { actor } = backend;
    const hasWindow = !actor.getSnapshot().matches({ window: 'closed' });
    const elapsed = hasWindow && hasWindowElapsed(backend.openedAt, now, this.policy.failedAttemptWindowMs);
    const event = toEvent(elapsed, backend.inFlight > 1);
    backend.emitted = [];
    actor.send(event);
    if ('othersInFlight' in event && backend.inFlight > 0) backend.inFlight--;
    let decision: HandoffAttemptDecision | undefined;
    for (const one of backend.emitted) {
      if (one.type === 'window.opened') backend.openedAt = now;
      else if (one.type === 'attempt') {
        backend.inFlight++;
        decision = one;
      } else if (one.type === 'fallback') {
        const { reason, untilWindowEnds } = one;
        decision = {
          type: 'fallbackToReconnect',
          reason,
          usesBackendReconnect: true,
          sendsClientError: false,
        };
        if (untilWindowEnds) {
          const retryAfterMs = windowRemainingMs(backend.openedAt, now, this.policy.failedAttemptWindowMs);
          decision = { ...decision, retryAfterMs };
        }
      }
    }
    return decision;
  }

  shouldAttempt(name: string, inputs: HandoffAttemptInputs, now: number): HandoffAttemptDecision | undefined {
    return this.#send(name, now, (windowElapsed) => ({ type: 'request', ...inputs, windowElapsed }));
  }

  recordFailedAttempt(
    name: string,
    failure: HandoffFailure,
    now: number,
  ): HandoffAttemptDecision | undefined {
    return this.#send(name, now, (windowElapsed, othersInFlight) => ({
      type: 'attempt.failed',
      failure,
      othersInFlight,
      windowElapsed,
    }));
  }

  recordSuccess(name: string, now: number): void {
    this.#send(name, now, (_, othersInFlight) => ({ type: 'attempt.succeeded', othersInFlight }));
  }

  recordAbandonedAttempt(name: string, now: number): void {
    this.#send(name, now, (_, othersInFlight) => ({ type: 'attempt.abandoned', othersInFlight }));
  }

  failedAttemptCount(name: string, now: number): number {
    this.#send(name, now, (windowElapsed) => ({ type: 'count.queried', windowElapsed }));
    return this.#get(name).actor.getSnapshot().context.failedAttempts;
  }

  markAdopted(name: string, now: number): void {
    this.#send(name, now, () => ({ type: 'backend.adopted' }));
  }

  markSpawned(name: string, now: number): void {
    this.#send(name, now, () => ({ type: 'backend.spawned' }));
  }

  markRejoined(name: string, now: number): void {
    this.#send(name, now, () => ({ type: 'backend.rejoined' }));
  }

  /** The chart's state, as it is; what a reader at a later moment would find is not known before it reads. */
  stateOf(name: string): BackendHandoffState {
    return this.#get(name).actor.getSnapshot().value.handoff;
  }
}
