import { type ActorRefLike, createActor, type InspectionEvent, type Observer } from 'xstate';
import { type BackendHandoffState, backendHandoff, type HandoffFailure } from '../machines/backendHandoff';
import { windowRemainingMs } from '../machines/failedAttemptWindow';
import { BackendHandle } from './BackendHandle';
import {
  type BackendId,
  type BackendKey,
  backendDisplayName,
  backendKeyText,
  checkBackendId,
  copyBackendKey,
  parseBackendKeyText,
} from './BackendKey';
import { type BackendHandoffActor, BackendRecord } from './BackendRecord';
import { type Clock, checkClock, systemClock } from './Clock';
import {
  ABANDONED_CLASS,
  BACKEND_ADOPTED_CLASS,
  BACKEND_SPAWNED_CLASS,
  elapsedClass,
  eventOfClass,
  failedClass,
  QUERIED_CLASS,
  requestClass,
  SUCCEEDED_CLASS,
  WINDOW_TIMER_CLASS,
} from './eventClass';
import type { HandoffAttemptDecision } from './HandoffAttemptDecision';
import type { HandoffAttemptInputs } from './HandoffAttemptInputs';
import type { HandoffExplanation } from './HandoffExplanation';
import { HandoffFallbackPolicy, type HandoffFallbackPolicyOptions } from './HandoffFallbackPolicy';
import { type HandoffEdge, HandoffTable } from './HandoffTable';
import { INERT_CLOCK } from './inertClock';
import {
  readGiven,
  requireCount,
  requireFunction,
  requireMilliseconds,
  requireObject,
} from './invalidArgument';
import {
  checkPersistedSnapshot,
  type FailedAttemptWindow,
  PERSISTED_SNAPSHOT_VERSION,
  type PersistedBackend,
  type PersistedHandoffSnapshot,
} from './PersistedHandoffSnapshot';
import { type OptionNames, readOptions } from './readOptions';
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
  /**
   * Most backends that it holds state for, from 1: a bound on memory against names that keep coming. For one more, one
   * of the 16 oldest (names or keys, whichever have the oldest of all) goes: the one whose state matters least, in the
   * order nothing counted, failures counted, attempts in flight, adopted. What is lost with it costs a few attempts that
   * would have been spared, never a client error.
   * @default 1000000
   */
  readonly maxBackends?: number | undefined;
  /** Is told of every backend's actor, events and snapshots, as XState tells them. */
  readonly inspect?: InspectionObserver | undefined;
}

const OPTION_NAMES: OptionNames<HandoffControllerOptions> = {
  policy: true,
  clock: true,
  maxBackends: true,
  inspect: true,
};
const RESTORE_OPTION_NAMES: OptionNames<HandoffControllerOptions & { readonly now?: number | undefined }> = {
  ...OPTION_NAMES,
  now: true,
};

/** A moment that nothing has asked for yet. */
const UNREAD = Number.NaN;
const DEFAULT_MAX_BACKENDS = 1_000_000;
/** How many are looked at to find the one to drop. */
const MAX_LOOKED_AT = 16;

/** How much a backend's state matters: 0 is nothing. */
function weightOf({ node, attemptsInFlight }: BackendRecord): number {
  const { value, context } = node.snapshot;
  if (value.handoff === 'adopted') return 3;
  if (attemptsInFlight > 0) return 2;
  return context.failedAttempts > 0 ? 1 : 0;
}

/** What tells an observer: an error of its is rethrown where no decision is in its way. */
function toTeller(observer: InspectionObserver): (event: InspectionEvent) => void {
  if (typeof observer !== 'function') {
    requireObject('observer', observer);
    requireFunction(
      'observer.next',
      readGiven('observer.next', () => observer.next),
    );
  }
  const next =
    typeof observer === 'function'
      ? observer
      : (event: InspectionEvent) => (observer as Partial<Observer<InspectionEvent>>).next?.(event);
  return (event) => {
    try {
      next(event);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };
}

function replay(actor: BackendHandoffActor, tell: (event: InspectionEvent) => void): void {
  const base = { actorRef: actor, rootId: actor.sessionId };
  tell({ ...base, type: '@xstate.actor' });
  const event = { type: 'xstate.init' };
  tell({ ...base, type: '@xstate.snapshot', event, snapshot: actor.getSnapshot() });
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
 * - what the clock throws: the backend's state is as it was
 *
 * A method that sends an event also throws an Error with code `ERR_REENTRANT_CALL` if an observer of a backend's actor
 * calls it for that same backend. (`stateOf` and the actor's own snapshot are what an observer may look at.)
 */
export class HandoffController {
  readonly policy: HandoffFallbackPolicy;
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #maxBackends: number;
  readonly #table: HandoffTable;
  readonly #timers: WindowTimers<BackendRecord>;
  /** Backends by name; and, apart from them so that the two never meet, by the text of their key. */
  readonly #named = new Map<string, BackendRecord>();
  readonly #keyed = new Map<string, BackendRecord>();
  readonly #observers = new Set<(event: InspectionEvent) => void>();
  /** Records whose actor somebody asked for, so that it outlives the inspection. */
  readonly #askedFor = new Set<BackendRecord>();
  /** Records whose actor is processing an event, and tells its observers. */
  readonly #telling = new Set<BackendRecord>();
  readonly #backends = new WeakMap<ActorRefLike, BackendId>();
  /** Records made so far. */
  #made = 0;
  #disposed = false;

  /** @throws TypeError or RangeError an option, or a field of the policy or the clock, is bad or isn't known */
  constructor(options: HandoffControllerOptions = {}) {
    const {
      policy,
      clock = systemClock,
      inspect,
      maxBackends = DEFAULT_MAX_BACKENDS,
    } = readOptions('options', options, OPTION_NAMES);
    this.policy = policy instanceof HandoffFallbackPolicy ? policy : new HandoffFallbackPolicy(policy);
    this.#maxBackends = requireCount('maxBackends', maxBackends, 1);
    this.#clock = checkClock(clock);
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
   * @throws TypeError or RangeError as the constructor
   */
  static restore(
    snapshot: unknown,
    options: HandoffControllerOptions & { readonly now?: number | undefined } = {},
  ): HandoffController {
    const { wallTimeMs, backends } = checkPersistedSnapshot(snapshot);
    const { now: given, ...controllerOptions } = readOptions('options', options, RESTORE_OPTION_NAMES);
    const controller = new HandoffController(controllerOptions);
    const now = controller.#at(given);
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
  shouldAttempt(
    backend: BackendId | BackendHandle,
    inputs: HandoffAttemptInputs,
    now?: number,
  ): HandoffAttemptDecision {
    const record = this.#find(backend);
    const request = requestClass(inputs);
    // Without a window time has no say, and reading it is most of what a decision would cost.
    const at = now === undefined && record?.node.hasWindow !== true ? UNREAD : this.#at(now);
    if (record === undefined) return this.#decided(this.#stepUnknown(backend, request, at), record, at);
    const eventClass = record.hasWindowElapsed(at, this.#windowMs) ? elapsedClass(request) : request;
    const edge = record.node.edges[eventClass];
    // Nearly all requests: known, seen by nobody, and with no effect on the window. Little is called that isn't inlined.
    if (edge === undefined || edge.changesWindow || record.actor !== undefined) {
      return this.#decided(this.#step(record, eventClass, at), record, at);
    }
    if (record.node !== edge.next) record.node = edge.next;
    // A request ends no attempt.
    if (edge.inFlightChange === 1) record.attemptsInFlight++;
    return edge.constantDecision ?? this.#decided(edge, record, at);
  }

  /** An attempt failed: the window counts it. The answer is the fallback of the same name. */
  recordFailedAttempt(
    backend: BackendId | BackendHandle,
    failure: HandoffFailure,
    now?: number,
  ): HandoffAttemptDecision {
    const record = this.#find(backend);
    const failed = failedClass(failure);
    const at = this.#at(now);
    if (record === undefined) return this.#decided(this.#stepUnknown(backend, failed, at), record, at);
    const eventClass = record.hasWindowElapsed(at, this.#windowMs) ? elapsedClass(failed) : failed;
    const ending = record.endingClass(eventClass);
    // The caller's time may run apart from the timers': what is left is left from this moment on.
    if (now !== undefined && !this.#table.edge(record.node, ending).changesWindow) {
      this.#timers.arm(record, record.windowRemainingMs(at, this.#windowMs));
    }
    return this.#decided(this.#step(record, ending, at), record, at);
  }

  /** An attempt succeeded: the backend owns the connection. Removes the window, whatever its state. */
  recordSuccess(backend: BackendId | BackendHandle, now?: number): void {
    this.#end(backend, SUCCEEDED_CLASS, now);
  }

  /** An attempt ended with neither, for example since the client left. Counts nothing, clears nothing. */
  recordAbandonedAttempt(backend: BackendId | BackendHandle, now?: number): void {
    this.#end(backend, ABANDONED_CLASS, now);
  }

  /** Failed attempts counted in the window. Finds the window over: opens it anew at this moment, with 0. */
  failedAttemptCount(backend: BackendId | BackendHandle, now?: number): number {
    const record = this.#find(backend);
    const at = this.#at(now);
    if (record === undefined)
      return this.#stepUnknown(backend, QUERIED_CLASS, at).next.snapshot.context.failedAttempts;
    return this.#step(record, this.#queriedClass(record, at), at).next.snapshot.context.failedAttempts;
  }

  /** The backend was found alive after a restart of the broker: this broker can't hand to it. */
  markAdopted(backend: BackendId | BackendHandle, now?: number): void {
    this.#mark(backend, BACKEND_ADOPTED_CLASS, now);
  }

  /** This broker started the backend (anew): it can be handed to. Its window stays as it is. */
  markSpawned(backend: BackendId | BackendHandle, now?: number): void {
    this.#mark(backend, BACKEND_SPAWNED_CLASS, now);
  }

  /** The chart's state at `now`. Looking changes nothing, and creates nothing for an unknown backend. */
  stateOf(backend: BackendId | BackendHandle, now?: number): BackendHandoffState {
    const record = this.#find(backend);
    const at = this.#at(now);
    if (record === undefined) {
      this.#check(backend);
      return this.#table.initial.snapshot.value.handoff;
    }
    // What a reader would find, without taking the step.
    return this.#table.edge(record.node, this.#queriedClass(record, at)).next.snapshot.value.handoff;
  }

  /**
   * The window of failed attempts that is open at `now`; undefined without one, and once it is over. Looking changes
   * nothing, and creates nothing for an unknown backend.
   */
  windowOf(backend: BackendId | BackendHandle, now?: number): FailedAttemptWindow | undefined {
    const record = this.#find(backend);
    const at = this.#at(now);
    if (record === undefined) this.#check(backend);
    if (!record?.node.hasWindow || record.hasWindowElapsed(at, this.#windowMs)) return undefined;
    return this.#windowAt(record, at);
  }

  /**
   * How `shouldAttempt` would answer at `now`, and why, in the chart's own words. Looking changes nothing, and creates
   * nothing for an unknown backend.
   */
  explain(
    backend: BackendId | BackendHandle,
    inputs: HandoffAttemptInputs,
    now?: number,
  ): HandoffExplanation {
    const record = this.#find(backend);
    const request = requestClass(inputs);
    const at = this.#at(now);
    const node = record?.node ?? this.#table.initial;
    const isElapsed = record?.hasWindowElapsed(at, this.#windowMs) ?? false;
    const eventClass = isElapsed ? elapsedClass(request) : request;
    const state = this.stateOf(backend, at);
    const window = this.windowOf(backend, at);
    return {
      decision: this.#decided(this.#table.edge(node, eventClass), record, at),
      because: this.#table.because(node, eventClass),
      state,
      stateMeans: backendHandoff.getStateNodeById(`backendHandoff.handoff.${state}`).description ?? '',
      ...(window && { window }),
    };
  }

  /**
   * The backend's live actor, to look at: `getSnapshot()`, `subscribe()`. The backend is held state for from now on if it
   * wasn't. Sending to the actor is the controller's part: what others send, the controller doesn't know of.
   */
  actorOf(backend: BackendId | BackendHandle): BackendHandoffActor {
    const record = this.#find(backend) ?? this.#create(backend);
    this.#askedFor.add(record);
    return record.actor ?? this.#startActor(this.#check(backend), record);
  }

  /** The backend that an inspection event's actor is of. Undefined: it's none of this controller's actors. */
  backendOf(actor: ActorRefLike): BackendId | undefined {
    return this.#backends.get(actor);
  }

  /** A handle on one backend, for a hot path. Creates no state. */
  backend(backend: BackendId): BackendHandle {
    this.#check(backend);
    return typeof backend === 'string'
      ? new BackendHandle(this, backend, this.#named, backend)
      : new BackendHandle(this, copyBackendKey(backend), this.#keyed, backendKeyText(backend));
  }

  /**
   * Holds state for a backend from now on, though nothing may have happened to it yet, so that who inspects the controller
   * sees it. Does nothing to one that it holds state for.
   */
  hold(backend: BackendId | BackendHandle): void {
    if (this.#find(backend) === undefined) this.#create(backend);
  }

  /** The backends that it holds state for, in the order in which it began to. */
  backends(): IterableIterator<BackendId> {
    this.#checkLive();
    return this.#entries()
      .map(([backend]) => backend)
      .values();
  }

  /** The backend is gone: drops its state and stops its actor. */
  forget(backend: BackendId | BackendHandle): void {
    const record = this.#find(backend);
    if (record === undefined) {
      this.#check(backend);
      return;
    }
    const id = this.#check(backend);
    if (typeof id === 'string') this.#drop(this.#named, id, record);
    else this.#drop(this.#keyed, backendKeyText(id), record);
  }

  /**
   * Tells an observer of every backend's actor: first each one that lives, with its definition and snapshot, then all
   * that happens. While anybody inspects, every backend has an actor, and each call pays for it.
   */
  inspect(observer: InspectionObserver): { unsubscribe(): void } {
    this.#checkLive();
    const target = toTeller(observer);
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
      const adopted = record.node.snapshot.value.handoff === 'adopted';
      if (record.node.hasWindow) backends.push({ backend, adopted, window: this.#windowAt(record, at) });
      else if (adopted) backends.push({ backend, adopted });
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

  #at(now: number | undefined): number {
    return typeof now === 'number' && now >= 0 && now < Number.POSITIVE_INFINITY ? now : this.#readNow(now);
  }

  #readNow(now: number | undefined): number {
    return requireMilliseconds('now', now === undefined ? this.#clock.now() : now);
  }

  #wallNow(): number {
    return requireMilliseconds('clock.wallNow()', this.#clock.wallNow?.() ?? Date.now());
  }

  /** A backend that is found needs no other check; of one that is not, `#check` says whether it is one. */
  #find(backend: BackendId | BackendHandle): BackendRecord | undefined {
    return typeof backend === 'string' ? this.#named.get(backend) : this.#findKey(backend);
  }

  #findKey(backend: BackendKey | BackendHandle): BackendRecord | undefined {
    if (backend instanceof BackendHandle) return backend.find(this);
    this.#check(backend);
    return this.#keyed.get(backendKeyText(backend));
  }

  /** The backend itself, checked. */
  #check(backend: BackendId | BackendHandle): BackendId {
    this.#checkLive();
    const id = backend instanceof BackendHandle ? backend.backend : backend;
    checkBackendId(id);
    return id;
  }

  /** In the order of their making. */
  #entries(): [BackendId, BackendRecord][] {
    const named: [BackendId, BackendRecord][] = [...this.#named];
    const keyed = Array.from(this.#keyed, ([text, record]): [BackendId, BackendRecord] => [
      parseBackendKeyText(text),
      record,
    ]);
    // Each is in order by itself.
    if (named.length === 0) return keyed;
    if (keyed.length === 0) return named;
    return [...named, ...keyed].sort(([, a], [, b]) => a.serial - b.serial);
  }

  #create(backend: BackendId | BackendHandle): BackendRecord {
    const record = new BackendRecord(this.#table.initial, this.#made++);
    this.#add(this.#check(backend), record);
    return record;
  }

  #add(id: BackendId, record: BackendRecord): void {
    if (this.#named.size + this.#keyed.size >= this.#maxBackends) this.#makeRoom();
    const records = typeof id === 'string' ? this.#named : this.#keyed;
    records.set(typeof id === 'string' ? id : backendKeyText(id), record);
    if (this.#observers.size > 0) this.#startActor(id, record);
  }

  /** Drops one backend: of the oldest few, the one whose state matters least. */
  #makeRoom(): void {
    const [named] = this.#named.values();
    const [keyed] = this.#keyed.values();
    const isNameOldest = keyed === undefined || (named !== undefined && named.serial < keyed.serial);
    const records = isNameOldest ? this.#named : this.#keyed;
    let chosen: [string, BackendRecord] | undefined;
    let looked = 0;
    for (const entry of records) {
      if (chosen === undefined || weightOf(entry[1]) < weightOf(chosen[1])) chosen = entry;
      if (++looked === MAX_LOOKED_AT || weightOf(chosen[1]) === 0) break;
    }
    if (chosen) this.#drop(records, ...chosen);
  }

  #drop(records: Map<string, BackendRecord>, text: string, record: BackendRecord): void {
    // First of all, since who hears of the actor's end may begin anew with the backend.
    records.delete(text);
    this.#timers.forget(record);
    this.#askedFor.delete(record);
    record.actor?.stop();
  }

  #mark(backend: BackendId | BackendHandle, eventClass: number, now: number | undefined): void {
    const record = this.#find(backend);
    const at = this.#at(now);
    if (record === undefined) this.#stepUnknown(backend, eventClass, at);
    else this.#step(record, eventClass, at);
  }

  #end(backend: BackendId | BackendHandle, eventClass: number, now: number | undefined): void {
    const record = this.#find(backend);
    const at = now === undefined ? UNREAD : this.#at(now);
    if (record === undefined) this.#stepUnknown(backend, eventClass, at);
    else this.#step(record, record.endingClass(eventClass), at);
  }

  #queriedClass(record: BackendRecord, at: number): number {
    return record.hasWindowElapsed(at, this.#windowMs) ? elapsedClass(QUERIED_CLASS) : QUERIED_CLASS;
  }

  /** A backend that is as good as unknown after the event is not worth holding state for. */
  #stepUnknown(backend: BackendId | BackendHandle, eventClass: number, at: number): HandoffEdge {
    const id = this.#check(backend);
    const edge = this.#table.edge(this.#table.initial, eventClass);
    if (edge.next === this.#table.initial) return edge;
    const record = new BackendRecord(this.#table.initial, this.#made++);
    if (edge.changesWindow) this.#followWindow(record, edge, at);
    this.#add(id, record);
    this.#enter(record, edge);
    if (record.actor !== undefined) this.#send(record, record.actor, eventClass);
    return edge;
  }

  #step(record: BackendRecord, eventClass: number, at: number): HandoffEdge {
    if (record.actor !== undefined) return this.#stepWithActor(record, record.actor, eventClass, at);
    return this.#follow(record, this.#table.edge(record.node, eventClass), at);
  }

  #stepWithActor(
    record: BackendRecord,
    actor: BackendHandoffActor,
    eventClass: number,
    at: number,
  ): HandoffEdge {
    if (this.#telling.has(record)) {
      // The actor would tell the same observer again, which would call again, without end.
      throw Object.assign(new Error(`${actor.id}: called by an observer of the backend's own actor`), {
        code: 'ERR_REENTRANT_CALL',
      });
    }
    const edge = this.#follow(record, this.#table.edge(record.node, eventClass), at);
    this.#send(record, actor, eventClass);
    return edge;
  }

  #send(record: BackendRecord, actor: BackendHandoffActor, eventClass: number): void {
    this.#telling.add(record);
    try {
      actor.send(eventOfClass(eventClass));
    } finally {
      this.#telling.delete(record);
    }
  }

  #follow(record: BackendRecord, edge: HandoffEdge, at: number): HandoffEdge {
    // First, since the caller's clock may throw: a call that is refused changes nothing.
    if (edge.changesWindow) this.#followWindow(record, edge, at);
    this.#enter(record, edge);
    return edge;
  }

  #enter(record: BackendRecord, edge: HandoffEdge): void {
    record.node = edge.next;
    if (edge.inFlightChange !== 0) {
      record.attemptsInFlight = Math.max(0, record.attemptsInFlight + edge.inFlightChange);
    }
  }

  #followWindow(record: BackendRecord, edge: HandoffEdge, at: number): void {
    const moment = Number.isNaN(at) ? this.#clock.now() : at;
    const openedAt = edge.opensWindow ? moment : record.openedAt;
    if (edge.armsTimer) this.#timers.arm(record, windowRemainingMs(openedAt, moment, this.#windowMs));
    else this.#timers.disarm(record);
    record.openedAt = openedAt;
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

  #decided(edge: HandoffEdge, record: BackendRecord | undefined, at: number): HandoffAttemptDecision {
    const { decision } = edge;
    if (decision === undefined) throw new Error('The chart gave no answer');
    if (!edge.untilWindowEnds || record === undefined || decision.type === 'attempt') return decision;
    const { type, reason, usesBackendReconnect, sendsClientError } = decision;
    const retryAfterMs = record.windowRemainingMs(at, this.#windowMs);
    // Field by field, since copying a frozen object by spreading it costs three times as much.
    return { type, reason, retryAfterMs, usesBackendReconnect, sendsClientError };
  }

  readonly #tellObservers = (event: InspectionEvent): void => {
    for (const tell of this.#observers) tell(event);
  };

  /** An actor in the record's state, which is sent what happens from now on. */
  #startActor(backend: BackendId, record: BackendRecord): BackendHandoffActor {
    const actor = createActor(backendHandoff, {
      id: backendDisplayName(backend),
      input: { ...this.policy },
      snapshot: record.node.snapshot,
      // The controller's timers send what its own delays would.
      clock: INERT_CLOCK,
    });
    // All of it before anybody hears of the actor, since who hears may ask at once.
    record.actor = actor;
    this.#backends.set(actor, typeof backend === 'string' ? backend : copyBackendKey(backend));
    this.#telling.add(record);
    try {
      this.#tellObservers({ type: '@xstate.actor', actorRef: actor, rootId: actor.sessionId });
      actor.system.inspect(this.#tellObservers);
      return actor.start();
    } finally {
      this.#telling.delete(record);
    }
  }

  #stopInspecting(target: (event: InspectionEvent) => void): void {
    this.#observers.delete(target);
    if (this.#observers.size > 0) return;
    for (const [, record] of this.#entries()) {
      if (this.#askedFor.has(record)) continue;
      record.actor?.stop();
      record.actor = undefined;
    }
  }
}
