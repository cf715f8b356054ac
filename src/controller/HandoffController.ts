import type { ActorRefLike } from 'xstate';
import type { BackendHandoffState, HandoffFailure } from '../../machines/backendHandoff';
import { requireCount, requireFunction, requireMilliseconds } from '../errors/invalidArgument';
import { type OptionNames, readOptions } from '../errors/readOptions';
import { ActorMirror, type InspectionObserver } from './ActorMirror';
import { BackendEngine, UNREAD_MOMENT } from './BackendEngine';
import { BackendHandle } from './BackendHandle';
import { type BackendId, type BackendKey, checkBackendId, copyBackendKey } from './BackendKey';
import { type BackendHandoffActor, BackendRecord } from './BackendRecord';
import { BackendStore } from './BackendStore';
import { type Clock, checkClock, systemClock } from './Clock';
import type { HandoffAttemptDecision } from './HandoffAttemptDecision';
import type { HandoffAttemptInputs } from './HandoffAttemptInputs';
import type { HandoffCalls } from './HandoffCalls';
import type { HandoffExplanation } from './HandoffExplanation';
import {
  type HandoffFallbackPolicy,
  type HandoffFallbackPolicyOptions,
  toPolicy,
} from './HandoffFallbackPolicy';
import type { HandoffEdge } from './HandoffTable';
import {
  ABANDONED,
  BACKEND_ADOPTED,
  BACKEND_SPAWNED,
  failedSymbol,
  QUERIED,
  requestSymbol,
  SUCCEEDED,
} from './handoffSymbols';
import {
  checkPersistedSnapshot,
  type FailedAttemptWindow,
  PERSISTED_SNAPSHOT_VERSION,
  type PersistedBackend,
  type PersistedHandoffSnapshot,
} from './PersistedHandoffSnapshot';

const DEFAULT_MAX_BACKENDS = 1_000_000;

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
  /**
   * Is told what an observer of this controller throws, or rejects with. It must not throw.
   * @default thrown where no decision is in its way, which ends a process that doesn't handle it
   */
  readonly onObserverError?: ((error: unknown) => void) | undefined;
}

const OPTION_NAMES: OptionNames<HandoffControllerOptions> = {
  policy: true,
  clock: true,
  maxBackends: true,
  inspect: true,
  onObserverError: true,
};
const RESTORE_OPTION_NAMES: OptionNames<HandoffControllerOptions & { readonly now?: number | undefined }> = {
  ...OPTION_NAMES,
  now: true,
};

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
export class HandoffController implements HandoffCalls<BackendId | BackendHandle> {
  readonly policy: HandoffFallbackPolicy;
  readonly #clock: Clock;
  readonly #store: BackendStore;
  readonly #actors: ActorMirror;
  readonly #engine: BackendEngine;
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
      onObserverError,
    } = readOptions('options', options, OPTION_NAMES);
    this.policy = toPolicy(policy);
    this.#clock = checkClock(clock);
    const bound = requireCount('maxBackends', maxBackends, 1);
    this.#store = new BackendStore(bound);
    if (onObserverError !== undefined) requireFunction('onObserverError', onObserverError);
    this.#actors = new ActorMirror(onObserverError);
    this.#engine = new BackendEngine(this.policy, clock, this.#actors);
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
      if (window) {
        const remainingMs = window.remainingMs - passedMs;
        controller.#engine.restoreWindow(record, { ...window, remainingMs }, now);
      }
      if (adopted) controller.#engine.step(record, BACKEND_ADOPTED, now);
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
    const request = requestSymbol(inputs);
    // Without a window time has no say, and reading it is most of what a decision would cost.
    const at = now === undefined && record?.node.hasWindow !== true ? UNREAD_MOMENT : this.#at(now);
    if (record !== undefined) return this.#engine.decide(record, request, at);
    return this.#engine.decisionOf(this.#stepUnknown(backend, request, at), record, at);
  }

  /** An attempt failed: the window counts it. The answer is the fallback of the same name. */
  recordFailedAttempt(
    backend: BackendId | BackendHandle,
    failure: HandoffFailure,
    now?: number,
  ): HandoffAttemptDecision {
    const record = this.#find(backend);
    const failed = failedSymbol(failure);
    const at = this.#at(now);
    const edge =
      record === undefined
        ? this.#stepUnknown(backend, failed, at)
        : this.#engine.step(record, record.endingSymbol(this.#engine.readingSymbol(record, failed, at)), at);
    return this.#engine.decisionOf(edge, record, at);
  }

  /** An attempt succeeded: the backend owns the connection. Removes the window, whatever its state. */
  recordSuccess(backend: BackendId | BackendHandle, now?: number): void {
    this.#end(backend, SUCCEEDED, now);
  }

  /** An attempt ended with neither, for example since the client left. Counts nothing, clears nothing. */
  recordAbandonedAttempt(backend: BackendId | BackendHandle, now?: number): void {
    this.#end(backend, ABANDONED, now);
  }

  /** Failed attempts counted in the window. Finds the window over: opens it anew at this moment, with 0. */
  failedAttemptCount(backend: BackendId | BackendHandle, now?: number): number {
    const record = this.#find(backend);
    const at = this.#at(now);
    const edge =
      record === undefined
        ? this.#stepUnknown(backend, QUERIED, at)
        : this.#engine.step(record, this.#engine.readingSymbol(record, QUERIED, at), at);
    return edge.next.snapshot.context.failedAttempts;
  }

  /** The backend was found alive after a restart of the broker: this broker can't hand to it. */
  markAdopted(backend: BackendId | BackendHandle, now?: number): void {
    this.#mark(backend, BACKEND_ADOPTED, now);
  }

  /** This broker started the backend (anew): it can be handed to. Its window stays as it is. */
  markSpawned(backend: BackendId | BackendHandle, now?: number): void {
    this.#mark(backend, BACKEND_SPAWNED, now);
  }

  /** The chart's state at `now`. Looking changes nothing, and creates nothing for an unknown backend. */
  stateOf(backend: BackendId | BackendHandle, now?: number): BackendHandoffState {
    const [record, at] = this.#look(backend, now);
    return this.#engine.stateAt(record, at);
  }

  /**
   * The window of failed attempts that is open at `now`; undefined without one, and once it is over. Looking changes
   * nothing, and creates nothing for an unknown backend.
   */
  windowOf(backend: BackendId | BackendHandle, now?: number): FailedAttemptWindow | undefined {
    const [record, at] = this.#look(backend, now);
    return this.#engine.windowAt(record, at);
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
    const request = requestSymbol(inputs);
    const [record, at] = this.#look(backend, now);
    return this.#engine.explain(record, request, at);
  }

  /**
   * The backend's live actor, to look at: `getSnapshot()`, `subscribe()`. The backend is held state for from now on if it
   * wasn't. Sending to the actor is the controller's part: what others send, the controller doesn't know of.
   */
  actorOf(backend: BackendId | BackendHandle): BackendHandoffActor {
    const record = this.#find(backend) ?? this.#create(backend);
    return this.#actors.actorOf(this.#check(backend), record);
  }

  /** The backend that an inspection event's actor is of. Undefined: it's none of this controller's actors. */
  backendOf(actor: ActorRefLike): BackendId | undefined {
    return this.#actors.backendOf(actor);
  }

  /** A handle on one backend, for a hot path. Creates no state. */
  backend(backend: BackendId): BackendHandle {
    this.#check(backend);
    const id = typeof backend === 'string' ? backend : copyBackendKey(backend);
    return new BackendHandle(this, id, this.#store.finderOf(id));
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
    return this.#store
      .entries()
      .map(([backend]) => backend)
      .values();
  }

  /** The backend is gone: drops its state and stops its actor. */
  forget(backend: BackendId | BackendHandle): void {
    const record = this.#find(backend);
    const id = this.#check(backend);
    if (record === undefined) return;
    this.#store.delete(id);
    this.#letGoOf(record);
  }

  /**
   * Tells an observer of every backend's actor: first each one that lives, with its definition and snapshot, then all
   * that happens. While anybody inspects, every backend has an actor, and each call pays for it.
   */
  inspect(observer: InspectionObserver): { unsubscribe(): void } {
    this.#checkLive();
    return { unsubscribe: this.#actors.inspect(observer, () => this.#store.entries()) };
  }

  /** What `restore` takes. Backends with neither a window nor adoption are not in it. */
  getPersistedSnapshot(now?: number): PersistedHandoffSnapshot {
    this.#checkLive();
    const at = this.#at(now);
    const backends: PersistedBackend[] = [];
    for (const [backend, record] of this.#store.entries()) {
      const { snapshot, hasWindow, outlivesController } = record.node;
      if (!outlivesController) continue;
      const adopted = snapshot.matches({ handoff: 'adopted' });
      backends.push({
        backend,
        adopted,
        ...(hasWindow && { window: this.#engine.countedWindowAt(record, at) }),
      });
    }
    return { version: PERSISTED_SNAPSHOT_VERSION, wallTimeMs: this.#wallNow(), backends };
  }

  /** Stops every actor and timer. Every later call of another method throws. */
  dispose(): void {
    for (const [, { actor }] of this.#store.entries()) actor?.stop();
    this.#engine.clear();
    this.#store.clear();
    this.#actors.clear();
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
    return typeof backend === 'string' ? this.#store.findNamed(backend) : this.#findKey(backend);
  }

  #findKey(backend: BackendKey | BackendHandle): BackendRecord | undefined {
    if (BackendHandle.isHandle(backend)) return backend.find(this);
    this.#checkLive();
    checkBackendId(backend);
    return this.#store.findKeyed(backend);
  }

  /** What a look at a backend needs: its record, if it has one, and the moment. */
  #look(backend: BackendId | BackendHandle, now: number | undefined): [BackendRecord | undefined, number] {
    const record = this.#find(backend);
    const at = this.#at(now);
    if (record === undefined) this.#check(backend);
    return [record, at];
  }

  /** The backend itself, checked. */
  #check(backend: BackendId | BackendHandle): BackendId {
    this.#checkLive();
    const id = BackendHandle.isHandle(backend) ? backend.backend : backend;
    checkBackendId(id);
    return id;
  }

  #create(backend: BackendId | BackendHandle): BackendRecord {
    const id = this.#check(backend);
    const record = new BackendRecord(this.#engine.initial, this.#made++);
    this.#add(id, record);
    return record;
  }

  #add(id: BackendId, record: BackendRecord): void {
    const evicted = this.#store.add(id, record);
    if (evicted !== undefined) this.#letGoOf(evicted);
    this.#actors.add(id, record);
  }

  /** The record is in the store no more. Not before, since who hears of the actor's end may begin anew with the backend. */
  #letGoOf(record: BackendRecord): void {
    this.#engine.forget(record);
    this.#actors.forget(record);
  }

  #mark(backend: BackendId | BackendHandle, symbol: number, now: number | undefined): void {
    const record = this.#find(backend);
    const at = this.#at(now);
    if (record === undefined) this.#stepUnknown(backend, symbol, at);
    else this.#engine.step(record, symbol, at);
  }

  #end(backend: BackendId | BackendHandle, symbol: number, now: number | undefined): void {
    const record = this.#find(backend);
    const at = now === undefined ? UNREAD_MOMENT : this.#at(now);
    if (record === undefined) this.#stepUnknown(backend, symbol, at);
    else this.#engine.step(record, record.endingSymbol(symbol), at);
  }

  /** A backend that is as good as unknown after the event is not worth holding state for. */
  #stepUnknown(backend: BackendId | BackendHandle, symbol: number, at: number): HandoffEdge {
    const id = this.#check(backend);
    const edge = this.#engine.edge(undefined, symbol);
    if (edge.next === this.#engine.initial) return edge;
    const record = new BackendRecord(this.#engine.initial, this.#made++);
    // Its actor begins in the chart's first state, so that who inspects sees the step.
    this.#engine.followWindow(record, edge, at);
    this.#add(id, record);
    this.#engine.take(record, edge, symbol);
    return edge;
  }
}
