import { type ActorRefLike, createActor, type InspectionEvent, type Observer } from 'xstate';
import { type BackendHandoffState, backendHandoff, type HandoffFailure } from '../machines/backendHandoff';
import {
  type BackendId,
  backendDisplayName,
  backendKeyText,
  checkBackendId,
  parseBackendKeyText,
} from './BackendKey';
import { type BackendHandoffActor, BackendRecord } from './BackendRecord';
import { type Clock, systemClock } from './Clock';
import {
  abandonedClass,
  BACKEND_ADOPTED_CLASS,
  BACKEND_SPAWNED_CLASS,
  eventOfClass,
  failedClass,
  failedClassAt,
  queriedClass,
  requestClass,
  requestClassAt,
  succeededClass,
  WINDOW_TIMER_CLASS,
} from './eventClass';
import type { HandoffAttemptDecision, HandoffFallback } from './HandoffAttemptDecision';
import type { HandoffAttemptInputs } from './HandoffAttemptInputs';
import { HandoffFallbackPolicy, type HandoffFallbackPolicyOptions } from './HandoffFallbackPolicy';
import { type HandoffEdge, HandoffTable } from './HandoffTable';
import { INERT_CLOCK } from './inertClock';
import { invalidType, requireMilliseconds, requireObject } from './invalidArgument';
import {
  checkPersistedSnapshot,
  type FailedAttemptWindow,
  PERSISTED_SNAPSHOT_VERSION,
  type PersistedBackend,
  type PersistedHandoffSnapshot,
} from './PersistedHandoffSnapshot';
import { WindowTimers } from './WindowTimers';

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

function toObserver(observer: InspectionObserver): Partial<Observer<InspectionEvent>> {
  if (typeof observer === 'function') return { next: observer };
  return requireObject('observer', observer) as Partial<Observer<InspectionEvent>>;
}

function replay(actor: BackendHandoffActor, observer: Partial<Observer<InspectionEvent>>): void {
  const base = { actorRef: actor, rootId: actor.sessionId };
  observer.next?.({ ...base, type: '@xstate.actor' });
  const event = { type: 'xstate.init' };
  observer.next?.({ ...base, type: '@xstate.snapshot', event, snapshot: actor.getSnapshot() });
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
 *
 * A method that sends an event also throws an Error with code `ERR_REENTRANT_CALL` if an observer of a backend's actor
 * calls it for that same backend. (`stateOf` and the actor's own snapshot are what an observer may look at.)
 */
export class HandoffController {
  readonly policy: HandoffFallbackPolicy;
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #table: HandoffTable;
  readonly #timers: WindowTimers<BackendRecord>;
  /** Backends by name; and, apart from them so that the two never meet, by the text of their key. */
  readonly #named = new Map<string, BackendRecord>();
  readonly #keyed = new Map<string, BackendRecord>();
  readonly #observers = new Set<Partial<Observer<InspectionEvent>>>();
  /** Records whose actor somebody asked for, so that it outlives the inspection. */
  readonly #askedFor = new Set<BackendRecord>();
  readonly #backends = new WeakMap<ActorRefLike, BackendId>();
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
    this.#windowMs = this.policy.failedAttemptWindowMs;
    this.#table = new HandoffTable(this.policy);
    this.#timers = new WindowTimers(clock, (record) =>
      this.#step(record, WINDOW_TIMER_CLASS, record.openedAt),
    );
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
        controller.#restoreWindow(record, window.failedAttempts, window.remainingMs - passedMs, now);
      if (adopted) controller.#step(record, BACKEND_ADOPTED_CLASS, now);
    }
    return controller;
  }

  /** Decides on a request. After `attempt` the caller reports the end by one of the three `record…` methods. */
  shouldAttempt(backend: BackendId, inputs: HandoffAttemptInputs, now?: number): HandoffAttemptDecision {
    this.#check(backend);
    const request = requestClass(inputs);
    const at = this.#at(now);
    const record = this.#find(backend);
    if (record === undefined) return this.#decided(this.#stepUnknown(backend, request, at), at, undefined);
    const elapsed = record.hasWindowElapsed(at, this.#windowMs);
    return this.#decided(this.#step(record, requestClassAt(request, elapsed), at), at, record);
  }

  /** An attempt failed: the window counts it. The answer is the fallback of the same name. */
  recordFailedAttempt(backend: BackendId, failure: HandoffFailure, now?: number): HandoffAttemptDecision {
    this.#check(backend);
    const failed = failedClass(failure);
    const at = this.#at(now);
    const record = this.#find(backend);
    if (record === undefined) return this.#decided(this.#stepUnknown(backend, failed, at), at, undefined);
    const elapsed = record.hasWindowElapsed(at, this.#windowMs);
    const eventClass = failedClassAt(failed, record.hasOthersInFlight, elapsed);
    return this.#decided(this.#step(record, eventClass, at), at, record);
  }

  /** An attempt succeeded: the backend owns the connection. Removes the window, whatever its state. */
  recordSuccess(backend: BackendId, now?: number): void {
    this.#check(backend);
    const at = this.#at(now);
    const record = this.#find(backend);
    if (record) this.#step(record, succeededClass(record.hasOthersInFlight), at);
    else this.#stepUnknown(backend, succeededClass(false), at);
  }

  /** An attempt ended with neither, for example since the client left. Counts nothing, clears nothing. */
  recordAbandonedAttempt(backend: BackendId, now?: number): void {
    this.#check(backend);
    const at = this.#at(now);
    const record = this.#find(backend);
    if (record) this.#step(record, abandonedClass(record.hasOthersInFlight), at);
    else this.#stepUnknown(backend, abandonedClass(false), at);
  }

  /** Failed attempts counted in the window. Finds the window over: opens it anew at this moment, with 0. */
  failedAttemptCount(backend: BackendId, now?: number): number {
    this.#check(backend);
    const at = this.#at(now);
    const record = this.#find(backend);
    const { next } = record
      ? this.#step(record, queriedClass(record.hasWindowElapsed(at, this.#windowMs)), at)
      : this.#stepUnknown(backend, queriedClass(false), at);
    return next.snapshot.context.failedAttempts;
  }

  /** The backend was found alive after a restart of the broker: this broker can't hand to it. */
  markAdopted(backend: BackendId, now?: number): void {
    this.#mark(backend, BACKEND_ADOPTED_CLASS, now);
  }

  /** This broker started the backend (anew): it can be handed to. Its window stays as it is. */
  markSpawned(backend: BackendId, now?: number): void {
    this.#mark(backend, BACKEND_SPAWNED_CLASS, now);
  }

  /** The chart's state at `now`. Looking changes nothing, and creates nothing for an unknown backend. */
  stateOf(backend: BackendId, now?: number): BackendHandoffState {
    this.#check(backend);
    const at = this.#at(now);
    const record = this.#find(backend);
    // What a reader would find, without taking the step.
    const elapsed = record?.hasWindowElapsed(at, this.#windowMs) ?? false;
    const { next } = this.#table.edge(record?.node ?? this.#table.initial, queriedClass(elapsed));
    return next.snapshot.value.handoff;
  }

  /**
   * The window of failed attempts that is open at `now`; undefined without one, and once it is over. Looking changes
   * nothing, and creates nothing for an unknown backend.
   */
  windowOf(backend: BackendId, now?: number): FailedAttemptWindow | undefined {
    this.#check(backend);
    const at = this.#at(now);
    const record = this.#find(backend);
    if (!record?.node.hasWindow || record.hasWindowElapsed(at, this.#windowMs)) return undefined;
    return this.#windowAt(record, at);
  }

  /**
   * The backend's live actor, to look at: `getSnapshot()`, `subscribe()`. The backend is held state for from now on if it
   * wasn't. Sending to the actor is the controller's part: what others send, the controller doesn't know of.
   */
  actorOf(backend: BackendId): BackendHandoffActor {
    this.#check(backend);
    const record = this.#find(backend) ?? this.#create(backend);
    this.#askedFor.add(record);
    return record.actor ?? this.#startActor(backend, record);
  }

  /** The backend that an inspection event's actor is of. Undefined: it's none of this controller's actors. */
  backendOf(actor: ActorRefLike): BackendId | undefined {
    return this.#backends.get(actor);
  }

  /** The backends that it holds state for. */
  backends(): IterableIterator<BackendId> {
    this.#checkLive();
    return this.#entries()
      .map(([backend]) => backend)
      .values();
  }

  /** The backend is gone: drops its state and stops its actor. */
  forget(backend: BackendId): void {
    this.#check(backend);
    const record = this.#find(backend);
    if (record === undefined) return;
    this.#timers.forget(record);
    this.#askedFor.delete(record);
    record.actor?.stop();
    if (typeof backend === 'string') this.#named.delete(backend);
    else this.#keyed.delete(backendKeyText(backend));
  }

  /**
   * Tells an observer of every backend's actor: first each one that lives, with its definition and snapshot, then all
   * that happens. While anybody inspects, every backend has an actor, and each call pays for it.
   */
  inspect(observer: InspectionObserver): { unsubscribe(): void } {
    this.#checkLive();
    const target = toObserver(observer);
    const entries = this.#entries();
    for (const [backend, record] of entries)
      replay(record.actor ?? this.#startActor(backend, record), target);
    this.#observers.add(target);
    return { unsubscribe: () => this.#stopInspecting(target) };
  }

  /** What `restore` takes. Backends with neither a window nor adoption are not in it. */
  getPersistedSnapshot(now?: number): PersistedHandoffSnapshot {
    this.#checkLive();
    const at = this.#at(now);
    const backends: PersistedBackend[] = [];
    for (const [backend, record] of this.#entries()) {
      const { value, context } = record.node.snapshot;
      const adopted = value.handoff === 'adopted';
      if (record.node.hasWindow) {
        const remainingMs = record.windowRemainingMs(at, this.#windowMs);
        backends.push({ backend, adopted, window: { failedAttempts: context.failedAttempts, remainingMs } });
      } else if (adopted) backends.push({ backend, adopted });
    }
    return { version: PERSISTED_SNAPSHOT_VERSION, wallTimeMs: this.#wallNow(), backends };
  }

  /** Stops every actor and timer. Every later call of another method throws. */
  dispose(): void {
    for (const [, { actor }] of this.#entries()) actor?.stop();
    this.#timers.clear();
    this.#named.clear();
    this.#keyed.clear();
    this.#askedFor.clear();
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

  #check(backend: BackendId): void {
    this.#checkLive();
    checkBackendId(backend);
  }

  #at(now: number | undefined): number {
    return requireMilliseconds('now', now === undefined ? this.#clock.now() : now);
  }

  #wallNow(): number {
    return this.#clock.wallNow?.() ?? Date.now();
  }

  #find(backend: BackendId): BackendRecord | undefined {
    return typeof backend === 'string' ? this.#named.get(backend) : this.#keyed.get(backendKeyText(backend));
  }

  #entries(): [BackendId, BackendRecord][] {
    return [
      ...this.#named,
      ...[...this.#keyed].map(([text, record]): [BackendId, BackendRecord] => [
        parseBackendKeyText(text),
        record,
      ]),
    ];
  }

  #create(backend: BackendId): BackendRecord {
    const record = new BackendRecord(this.#table.initial);
    if (typeof backend === 'string') this.#named.set(backend, record);
    else this.#keyed.set(backendKeyText(backend), record);
    if (this.#observers.size > 0) this.#startActor(backend, record);
    return record;
  }

  #mark(backend: BackendId, eventClass: number, now: number | undefined): void {
    this.#check(backend);
    const at = this.#at(now);
    const record = this.#find(backend);
    if (record) this.#step(record, eventClass, at);
    else this.#stepUnknown(backend, eventClass, at);
  }

  /** A backend that is as good as unknown after the event is not worth holding state for. */
  #stepUnknown(backend: BackendId, eventClass: number, at: number): HandoffEdge {
    const edge = this.#table.edge(this.#table.initial, eventClass);
    return edge.next === this.#table.initial ? edge : this.#step(this.#create(backend), eventClass, at);
  }

  #step(record: BackendRecord, eventClass: number, at: number): HandoffEdge {
    const { actor } = record;
    if (actor === undefined) return this.#follow(record, this.#table.edge(record.node, eventClass), at);
    if (record.isTellingActor) {
      // The actor would tell the same observer again, which would call again, without end.
      throw Object.assign(new Error(`${actor.id}: called by an observer of the backend's own actor`), {
        code: 'ERR_REENTRANT_CALL',
      });
    }
    const edge = this.#follow(record, this.#table.edge(record.node, eventClass), at);
    record.isTellingActor = true;
    try {
      actor.send(eventOfClass(eventClass));
    } finally {
      record.isTellingActor = false;
    }
    return edge;
  }

  #follow(record: BackendRecord, edge: HandoffEdge, at: number): HandoffEdge {
    record.node = edge.next;
    record.attemptsInFlight = Math.max(0, record.attemptsInFlight + edge.inFlightChange);
    if (edge.opensWindow) record.openedAt = at;
    if (edge.armsTimer) this.#timers.arm(record, record.windowRemainingMs(at, this.#windowMs));
    else if (!edge.next.hasWindow) this.#timers.disarm(record);
    return edge;
  }

  #windowAt(record: BackendRecord, at: number): FailedAttemptWindow {
    return {
      failedAttempts: record.node.snapshot.context.failedAttempts,
      remainingMs: record.windowRemainingMs(at, this.#windowMs),
    };
  }

  #restoreWindow(record: BackendRecord, failedAttempts: number, remainingMs: number, at: number): void {
    const event = { type: 'window.restored', failedAttempts } as const;
    record.openedAt = at - (this.#windowMs - Math.min(Math.max(0, remainingMs), this.#windowMs));
    this.#follow(record, this.#table.compute(record.node, event), at);
    record.actor?.send(event);
  }

  #decided(edge: HandoffEdge, at: number, record: BackendRecord | undefined): HandoffAttemptDecision {
    const { decision } = edge;
    if (decision === undefined) throw new Error('The chart gave no answer');
    if (!edge.untilWindowEnds || record === undefined) return decision;
    return { ...decision, retryAfterMs: record.windowRemainingMs(at, this.#windowMs) } as HandoffFallback;
  }

  readonly #tellObservers = (event: InspectionEvent): void => {
    for (const observer of this.#observers) observer.next?.(event);
  };

  /** An actor in the record's state, which is sent what happens from now on. */
  #startActor(backend: BackendId, record: BackendRecord): BackendHandoffActor {
    const actor = createActor(backendHandoff, {
      id: backendDisplayName(backend),
      input: { ...this.policy },
      snapshot: record.node.snapshot,
      clock: INERT_CLOCK,
      inspect: this.#tellObservers,
    });
    record.actor = actor;
    this.#backends.set(actor, backend);
    return actor.start();
  }

  #stopInspecting(target: Partial<Observer<InspectionEvent>>): void {
    this.#observers.delete(target);
    if (this.#observers.size > 0) return;
    for (const [, record] of this.#entries()) {
      if (this.#askedFor.has(record)) continue;
      record.actor?.stop();
      record.actor = undefined;
    }
  }
}
