import { type InspectionEvent, initialTransition, type Observer, transition } from 'xstate';
import {
  type BackendHandoffEvent,
  type BackendHandoffSnapshot,
  type BackendHandoffState,
  backendHandoff,
  HANDOFF_FAILURES,
  type HandoffFailure,
} from '../machines/backendHandoff';
import { type BackendId, backendIdText, checkBackendId } from './BackendKey';
import {
  type BackendHandoffActor,
  type BackendHandoffAnswer,
  BackendRecord,
  type EventFacts,
} from './BackendRecord';
import { type Clock, systemClock } from './Clock';
import type { HandoffAttemptDecision } from './HandoffAttemptDecision';
import { checkAttemptInputs, type HandoffAttemptInputs } from './HandoffAttemptInputs';
import { HandoffFallbackPolicy, type HandoffFallbackPolicyOptions } from './HandoffFallbackPolicy';
import { invalidType, outOfRange, requireMilliseconds, requireObject } from './invalidArgument';
import {
  checkPersistedSnapshot,
  PERSISTED_SNAPSHOT_VERSION,
  type PersistedHandoffSnapshot,
} from './PersistedHandoffSnapshot';

/** XState's inspection observer: a function, or an object with `next`. */
export type InspectionObserver = Observer<InspectionEvent> | ((event: InspectionEvent) => void);

export interface HandoffControllerOptions {
  /**
   * The policy, or what to make it of.
   * @default 8 failed attempts in 30,000 ms
   */
  readonly policy?: HandoffFallbackPolicy | HandoffFallbackPolicyOptions | undefined;
  /**
   * The time that calls without `now` are made at, and the timers that show a window's end to who watches.
   * @default monotonic time; its timers keep no process alive
   */
  readonly clock?: Clock | undefined;
  /** Is told of every backend's actor, events and snapshots, as XState tells them. */
  readonly inspect?: InspectionObserver | undefined;
}

const ATTEMPT: HandoffAttemptDecision = Object.freeze({ type: 'attempt' });

function toObserver(observer: InspectionObserver): Partial<Observer<InspectionEvent>> {
  if (typeof observer === 'function') return { next: observer };
  return requireObject('observer', observer) as Partial<Observer<InspectionEvent>>;
}

function isSameState(a: BackendHandoffSnapshot, b: BackendHandoffSnapshot): boolean {
  return (
    a === b ||
    (JSON.stringify(a.value) === JSON.stringify(b.value) &&
      JSON.stringify(a.context) === JSON.stringify(b.context))
  );
}

/** The chart's answer among the actions of a transition that nothing has executed. */
function answerIn(
  actions: readonly { readonly type: string; readonly params: unknown }[],
): BackendHandoffAnswer | undefined {
  for (const { type, params } of actions) {
    if (type === 'xstate.emit') return (params as { event: BackendHandoffAnswer }).event;
  }
  return undefined;
}

/**
 * Decides for each request and each backend whether to try handoff, counts failed attempts, and holds back from a
 * backend that keeps failing. It knows no rule of the policy: it turns calls into events of the backend's chart
 * (`handoff-controller/machines`) and reads the chart's answer.
 *
 * Every method that takes `now` (milliseconds on the controller's clock) reads the clock if it's left out; use one
 * time base for a controller's whole life. Every method throws
 * - TypeError or RangeError, with the field and the value, for bad input: nothing has changed then
 * - Error with code `ERR_DISPOSED` after `dispose`
 * - Error with code `ERR_REENTRANT_CALL` if an observer of a backend's actor sends to the same backend
 */
export class HandoffController {
  readonly policy: HandoffFallbackPolicy;
  readonly #clock: Clock;
  readonly #records = new Map<string, BackendRecord>();
  readonly #observers = new Set<Partial<Observer<InspectionEvent>>>();
  /** The state of a backend that the controller holds nothing for. */
  readonly #initial: BackendHandoffSnapshot;
  #disposed = false;

  /** @throws TypeError or RangeError a field of the policy or the clock is bad */
  constructor(options: HandoffControllerOptions = {}) {
    const {
      policy,
      clock = systemClock,
      inspect,
    } = requireObject('options', options) as HandoffControllerOptions;
    this.policy = policy instanceof HandoffFallbackPolicy ? policy : new HandoffFallbackPolicy(policy);
    for (const method of ['now', 'setTimeout', 'clearTimeout'] as const) {
      const value = requireObject('clock', clock)[method];
      if (typeof value !== 'function') throw invalidType(`clock.${method}`, 'a function', value);
    }
    this.#clock = clock;
    [this.#initial] = initialTransition(backendHandoff, { ...this.policy });
    if (inspect !== undefined) this.inspect(inspect);
  }

  /**
   * Takes over what an earlier controller left: windows go on with what was left of them by wall clock, the new policy
   * caps their count and remainder, and attempts in flight are dropped.
   * @param snapshot what `getPersistedSnapshot` gave, perhaps through JSON
   * @param options of the new controller; `now` is the moment on its clock
   * @throws Error with code `ERR_INVALID_SNAPSHOT` another version, or anything malformed
   */
  static restore(
    snapshot: unknown,
    options: HandoffControllerOptions & { readonly now?: number | undefined } = {},
  ): HandoffController {
    const { wallTimeMs, backends } = checkPersistedSnapshot(snapshot);
    const controller = new HandoffController(options);
    const now = controller.#at(options.now);
    const passedMs = Math.max(0, controller.#wallNow() - wallTimeMs);
    for (const { backend, adopted, window } of backends) {
      const record = controller.#create(backend);
      if (window)
        record.restoreWindow(window.failedAttempts, Math.max(0, window.remainingMs - passedMs), now);
      if (adopted) record.send({ type: 'backend.adopted' }, now);
    }
    return controller;
  }

  /** Decides on a request. After `attempt` the caller reports the end by one of the three `record…` methods. */
  shouldAttempt(backend: BackendId, inputs: HandoffAttemptInputs, now?: number): HandoffAttemptDecision {
    const id = this.#check(backend);
    const checked = checkAttemptInputs(inputs);
    return this.#decide(id, now, ({ windowElapsed }) => ({ type: 'request', ...checked, windowElapsed }));
  }

  /** An attempt failed: the window counts it. The answer is the fallback of the same name. */
  recordFailedAttempt(backend: BackendId, failure: HandoffFailure, now?: number): HandoffAttemptDecision {
    const id = this.#check(backend);
    if (!HANDOFF_FAILURES.includes(failure)) {
      throw outOfRange('failure', `one of ${HANDOFF_FAILURES.join(', ')}`, failure);
    }
    return this.#decide(id, now, (facts) => ({ type: 'attempt.failed', failure, ...facts }));
  }

  /** An attempt succeeded: the backend owns the connection. Removes the window, whatever its state. */
  recordSuccess(backend: BackendId, now?: number): void {
    this.#send(this.#check(backend), this.#at(now), ({ othersInFlight }) => ({
      type: 'attempt.succeeded',
      othersInFlight,
    }));
  }

  /** An attempt ended with neither, for example since the client left. Counts nothing, clears nothing. */
  recordAbandonedAttempt(backend: BackendId, now?: number): void {
    this.#send(this.#check(backend), this.#at(now), ({ othersInFlight }) => ({
      type: 'attempt.abandoned',
      othersInFlight,
    }));
  }

  /** Failed attempts counted in the window. Finds the window over: opens it anew at this moment, with 0. */
  failedAttemptCount(backend: BackendId, now?: number): number {
    const id = this.#check(backend);
    this.#send(id, this.#at(now), ({ windowElapsed }) => ({ type: 'count.queried', windowElapsed }));
    return this.#snapshotOf(id).context.failedAttempts;
  }

  /** The backend was found alive after a restart of the broker: this broker can't hand to it. */
  markAdopted(backend: BackendId, now?: number): void {
    this.#send(this.#check(backend), this.#at(now), () => ({ type: 'backend.adopted' }));
  }

  /** This broker started the backend (anew): it can be handed to. Its window stays as it is. */
  markSpawned(backend: BackendId, now?: number): void {
    this.#send(this.#check(backend), this.#at(now), () => ({ type: 'backend.spawned' }));
  }

  /** The chart's state at `now`. Looking changes nothing, and creates nothing for an unknown backend. */
  stateOf(backend: BackendId, now?: number): BackendHandoffState {
    const id = this.#check(backend);
    const at = this.#at(now);
    const windowElapsed = this.#records.get(backendIdText(id))?.hasWindowElapsed(at) ?? false;
    // What a reader would find, without telling the actor.
    const [snapshot] = transition(backendHandoff, this.#snapshotOf(id), {
      type: 'count.queried',
      windowElapsed,
    });
    return snapshot.value.handoff;
  }

  /**
   * The backend's live actor, to look at: `getSnapshot()`, `subscribe()`. Created if there is none. Sending to it is the
   * controller's part: it knows the time.
   */
  actorOf(backend: BackendId): BackendHandoffActor {
    const id = this.#check(backend);
    return (this.#records.get(backendIdText(id)) ?? this.#create(id)).actor;
  }

  /** The backends that it holds state for. */
  backends(): IterableIterator<BackendId> {
    this.#checkLive();
    return [...this.#records.values()].map(({ backend }) => backend).values();
  }

  /** The backend is gone: drops its state and stops its actor. */
  forget(backend: BackendId): void {
    const id = backendIdText(this.#check(backend));
    this.#records.get(id)?.actor.stop();
    this.#records.delete(id);
  }

  /**
   * Tells an observer of every backend's actor: first each one that lives, with its definition and snapshot, then all
   * that happens. An observer that throws is the caller's bug: XState reports it as an uncaught exception.
   */
  inspect(observer: InspectionObserver): { unsubscribe(): void } {
    this.#checkLive();
    const target = toObserver(observer);
    for (const record of this.#records.values()) {
      record.replayTo(target);
      record.watch(this.#tellObservers);
    }
    this.#observers.add(target);
    return {
      unsubscribe: () => {
        this.#observers.delete(target);
        if (this.#observers.size === 0) for (const record of this.#records.values()) record.unwatch();
      },
    };
  }

  /** What `restore` takes. Backends with neither a window nor adoption are not in it. */
  getPersistedSnapshot(now?: number): PersistedHandoffSnapshot {
    this.#checkLive();
    const at = this.#at(now);
    const backends = [...this.#records.values()].flatMap((record) => record.persist(at) ?? []);
    return { version: PERSISTED_SNAPSHOT_VERSION, wallTimeMs: this.#wallNow(), backends };
  }

  /** Stops every actor and timer. Every later call of another method throws. */
  dispose(): void {
    for (const { actor } of this.#records.values()) actor.stop();
    this.#records.clear();
    this.#observers.clear();
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #checkLive(): void {
    if (!this.#disposed) return;
    throw Object.assign(new Error('The handoff controller is disposed'), { code: 'ERR_DISPOSED' });
  }

  #check(backend: BackendId): BackendId {
    this.#checkLive();
    return checkBackendId(backend);
  }

  #at(now: number | undefined): number {
    return requireMilliseconds('now', now === undefined ? this.#clock.now() : now);
  }

  #wallNow(): number {
    return this.#clock.wallNow?.() ?? Date.now();
  }

  #snapshotOf(backend: BackendId): BackendHandoffSnapshot {
    return this.#records.get(backendIdText(backend))?.actor.getSnapshot() ?? this.#initial;
  }

  #create(backend: BackendId): BackendRecord {
    const inspect = this.#observers.size > 0 ? this.#tellObservers : undefined;
    const record = new BackendRecord(backend, this.policy, this.#clock, inspect);
    this.#records.set(backendIdText(backend), record);
    return record;
  }

  readonly #tellObservers = (event: InspectionEvent): void => {
    for (const observer of this.#observers) observer.next?.(event);
  };

  #decide(
    backend: BackendId,
    now: number | undefined,
    toEvent: (facts: EventFacts) => BackendHandoffEvent,
  ): HandoffAttemptDecision {
    const at = this.#at(now);
    const answer = this.#send(backend, at, toEvent);
    if (answer?.type === 'attempt') return ATTEMPT;
    if (answer?.type !== 'fallback') throw new Error('The chart gave no answer');
    const decision = {
      type: 'fallbackToReconnect',
      reason: answer.reason,
      usesBackendReconnect: true,
      sendsClientError: false,
    } as const;
    const retryAfterMs = answer.untilWindowEnds
      ? this.#records.get(backendIdText(backend))?.windowRemainingMs(at)
      : undefined;
    return retryAfterMs === undefined ? decision : { ...decision, retryAfterMs };
  }

  #send(
    backend: BackendId,
    at: number,
    toEvent: (facts: EventFacts) => BackendHandoffEvent,
  ): BackendHandoffAnswer | undefined {
    const record = this.#records.get(backendIdText(backend));
    if (record) return record.send(toEvent(record.factsAt(at)), at);
    const event = toEvent({ windowElapsed: false, othersInFlight: false });
    const [next, actions] = transition(backendHandoff, this.#initial, event);
    // A backend that is as good as unknown after the event is not worth holding state for.
    return isSameState(next, this.#initial) ? answerIn(actions) : this.#create(backend).send(event, at);
  }
}
