import type { ActorRefLike } from 'xstate';
import type { BackendHandoffState, HandoffFailure } from '../../machines/backendHandoff';
import { HandoffError } from '../errors/HandoffError';
import { requireCount, requireFunction, requireMilliseconds } from '../errors/invalidArgument';
import { type OptionNames, readOptions } from '../errors/readOptions';
import { ActorMirror, type InspectionObserver } from './ActorMirror';
import { BackendEngine, UNREAD_MOMENT } from './BackendEngine';
import { BackendHandle } from './BackendHandle';
import { type BackendId, type BackendKey, checkBackendId, copyBackendKey } from './BackendKey';
import { type BackendHandoffActor, BackendRecord } from './BackendRecord';
import { BackendStore } from './BackendStore';
import { type Clock, checkClock, systemClock } from './Clock';
import { callbackErrors } from './callbackErrors';
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
  BACKEND_REJOINED,
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
   * The policy, or its fields.
   * @default 8 failed attempts in 30,000 ms
   */
  readonly policy?: HandoffFallbackPolicy | HandoffFallbackPolicyOptions | undefined;
  /**
   * The time of calls without `now`, and the timers that show a window's end to observers.
   * @default monotonic time, and timers that don't keep the process alive
   */
  readonly clock?: Clock | undefined;
  /**
   * Maximum number of backends in memory, from 1; bounds memory if new names never stop. Adding one more evicts the least
   * significant of the 16 oldest (of the names or of the keys, whichever has the oldest). From least to most significant:
   * nothing counted, failures counted, attempts in flight, adopted. Losing its state costs a few needless attempts, never a
   * client error.
   * @default 1000000
   */
  readonly maxBackends?: number | undefined;
  /** Receives XState's inspection events of every backend's actor. */
  readonly inspect?: InspectionObserver | undefined;
  /**
   * Receives what an observer of this controller throws or rejects with, and the clock outside of a call: when a timer fires
   * or is cleared, or with a promise that it returns. What it throws or rejects with itself is printed with `console.error`.
   * @default prints the error with `console.error`
   */
  readonly onCallbackError?: ((error: unknown) => void) | undefined;
}

const OPTION_NAMES: OptionNames<HandoffControllerOptions> = {
  policy: true,
  clock: true,
  maxBackends: true,
  inspect: true,
  onCallbackError: true,
};
const RESTORE_OPTION_NAMES: OptionNames<HandoffControllerOptions & { readonly now?: number | undefined }> = {
  ...OPTION_NAMES,
  now: true,
};

/**
 * Decides for each request whether to try handoff to a backend, counts failed attempts, and stops trying for a while with
 * a backend that keeps failing. It has no rules of its own: it turns calls into events of the backend's chart
 * (`handoff-controller/machines`) and reads the chart's answer.
 *
 * Every method that takes `now` (milliseconds on the controller's clock) reads the clock if it's omitted. Use one time
 * base for a controller's whole life. Every method throws
 * - TypeError or RangeError, with the field and the value, for bad input; nothing has changed
 * - HandoffError with code `ERR_DISPOSED` after `dispose`
 * - the clock's own error if it can't tell the time or set a timer; the backend's state is unchanged
 *
 * A method that sends an event also throws an Error with code `ERR_REENTRANT_CALL` if an observer of a backend's actor
 * calls it for that same backend. An observer may read `stateOf` and the actor's snapshot.
 */
export class HandoffController implements HandoffCalls<BackendId | BackendHandle> {
  readonly policy: HandoffFallbackPolicy;
  readonly #clock: Clock;
  readonly #store: BackendStore;
  readonly #actors: ActorMirror;
  readonly #engine: BackendEngine;
  /** Records created so far. */
  #made = 0;
  #disposed = false;

  /** @throws TypeError or RangeError an option, or a field of the policy or the clock, is invalid or unknown */
  constructor(options: HandoffControllerOptions = {}) {
    const {
      policy,
      clock = systemClock,
      inspect,
      maxBackends = DEFAULT_MAX_BACKENDS,
      onCallbackError,
    } = readOptions('options', options, OPTION_NAMES);
    this.policy = toPolicy(policy);
    this.#clock = checkClock(clock);
    const bound = requireCount('maxBackends', maxBackends, 1);
    this.#store = new BackendStore(bound);
    requireFunction('onCallbackError', onCallbackError);
    const onError = callbackErrors(onCallbackError);
    this.#actors = new ActorMirror(onError);
    this.#engine = new BackendEngine(this.policy, clock, this.#actors, onError);
    if (inspect !== undefined) this.inspect(inspect);
  }

  /**
   * Restores an earlier controller's snapshot. Windows resume with the time they had left, less the wall-clock time since;
   * the new policy caps their count and remaining time. Attempts in flight are dropped.
   * @param snapshot the result of `getPersistedSnapshot`, or its JSON parsed
   * @param options of the new controller; `now` is the time on its clock
   * @throws HandoffError with code `ERR_INVALID_SNAPSHOT` another version, or anything malformed
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

  /** Decides on a request. After `attempt` the caller reports the outcome with one of the three `record…` methods. */
  shouldAttempt(
    backend: BackendId | BackendHandle,
    inputs: HandoffAttemptInputs,
    now?: number,
  ): HandoffAttemptDecision {
    const record = this.#find(backend);
    const request = requestSymbol(inputs);
    // Without a window the time doesn't matter, and reading it is most of a decision's cost.
    const at = now === undefined && record?.node.hasWindow !== true ? UNREAD_MOMENT : this.#at(now);
    if (record !== undefined) return this.#engine.decide(record, request, at);
    return this.#engine.decisionOf(this.#stepUnknown(backend, request, at), record, at);
  }

  /** An attempt failed: the window counts it. Returns the fallback with this reason. */
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

  /** An attempt ended with neither success nor failure, for example because the client left. The window is unchanged. */
  recordAbandonedAttempt(backend: BackendId | BackendHandle, now?: number): void {
    this.#end(backend, ABANDONED, now);
  }

  /** Failed attempts counted in the window. If the window is over, reopens it at `now` with count 0. */
  failedAttemptCount(backend: BackendId | BackendHandle, now?: number): number {
    const record = this.#find(backend);
    const at = this.#at(now);
    const edge =
      record === undefined
        ? this.#stepUnknown(backend, QUERIED, at)
        : this.#engine.step(record, this.#engine.readingSymbol(record, QUERIED, at), at);
    return edge.next.snapshot.context.failedAttempts;
  }

  /** The backend was found alive after a restart of the broker: handoff to it is impossible. */
  markAdopted(backend: BackendId | BackendHandle, now?: number): void {
    this.#mark(backend, BACKEND_ADOPTED, now);
  }

  /** This broker started or restarted the backend: handoff to it is possible. Its window is unchanged. */
  markSpawned(backend: BackendId | BackendHandle, now?: number): void {
    this.#mark(backend, BACKEND_SPAWNED, now);
  }

  /** An adopted backend has a channel to this broker now: handoff to it is possible. Its window is unchanged. */
  markRejoined(backend: BackendId | BackendHandle, now?: number): void {
    this.#mark(backend, BACKEND_REJOINED, now);
  }

  /** The chart's state at `now`. Changes nothing, and creates no state for an unknown backend. */
  stateOf(backend: BackendId | BackendHandle, now?: number): BackendHandoffState {
    const [record, at] = this.#look(backend, now);
    return this.#engine.stateAt(record, at);
  }

  /**
   * The window of failed attempts that is open at `now`; undefined if there is none or it's over. Changes nothing, and
   * creates no state for an unknown backend.
   */
  windowOf(backend: BackendId | BackendHandle, now?: number): FailedAttemptWindow | undefined {
    const [record, at] = this.#look(backend, now);
    return this.#engine.windowAt(record, at);
  }

  /**
   * How `shouldAttempt` would answer at `now`, and why, in the chart's descriptions. Changes nothing, and creates no state
   * for an unknown backend.
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
   * The backend's live actor, for reading: `getSnapshot()`, `subscribe()`. Creates state for an unknown backend. Don't send
   * events to it: the controller would not see them.
   */
  actorOf(backend: BackendId | BackendHandle): BackendHandoffActor {
    const record = this.#find(backend) ?? this.#create(backend);
    return this.#actors.actorOf(this.#check(backend), record);
  }

  /** The backend of an inspection event's actor; undefined if the actor isn't one of this controller's. */
  backendOf(actor: ActorRefLike): BackendId | undefined {
    return this.#actors.backendOf(actor);
  }

  /** A handle for one backend; saves a hot path from building the key. Creates no state. */
  backend(backend: BackendId): BackendHandle {
    this.#check(backend);
    const id = typeof backend === 'string' ? backend : copyBackendKey(backend);
    return new BackendHandle(this, id, this.#store.finderOf(id));
  }

  /**
   * Creates state for an unused backend, so that observers see it. No effect if it already has state.
   */
  hold(backend: BackendId | BackendHandle): void {
    if (this.#find(backend) === undefined) this.#create(backend);
  }

  /** The backends with state, in the order of creation. */
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
   * Sends an observer the definition and snapshot of every backend's actor, then every event. During an inspection every
   * backend has an actor, and each call costs more.
   */
  inspect(observer: InspectionObserver): { unsubscribe(): void } {
    this.#checkLive();
    return { unsubscribe: this.#actors.inspect(observer, () => this.#store.entries()) };
  }

  /** The snapshot for `restore`. Omits backends with neither a window nor adoption. */
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

  /** Stops every actor and timer. Any other method throws from then on. */
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
    throw new HandoffError('ERR_DISPOSED', 'The handoff controller is disposed');
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

  /** A backend that is found is valid; only others need `#check`. */
  #find(backend: BackendId | BackendHandle): BackendRecord | undefined {
    return typeof backend === 'string' ? this.#store.findNamed(backend) : this.#findKey(backend);
  }

  #findKey(backend: BackendKey | BackendHandle): BackendRecord | undefined {
    if (BackendHandle.isHandle(backend)) return backend.find(this);
    checkBackendId(backend);
    return this.#store.findKeyed(backend);
  }

  /** For methods that only read: the backend's record, if it has one, and the time. */
  #look(backend: BackendId | BackendHandle, now: number | undefined): [BackendRecord | undefined, number] {
    const record = this.#find(backend);
    const at = this.#at(now);
    if (record === undefined) this.#check(backend);
    return [record, at];
  }

  /** The checked backend. */
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

  /** Call only after removing the record from the store: an observer of the actor's end may use the backend again. */
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

  /** Creates no record if the event leaves an unknown backend in its initial state. */
  #stepUnknown(backend: BackendId | BackendHandle, symbol: number, at: number): HandoffEdge {
    const id = this.#check(backend);
    const edge = this.#engine.edge(undefined, symbol);
    if (edge.next === this.#engine.initial) return edge;
    const record = new BackendRecord(this.#engine.initial, this.#made++);
    // The actor starts in the initial state, so that observers see the step.
    this.#engine.followWindow(record, edge, at);
    this.#add(id, record);
    this.#engine.take(record, edge, symbol);
    return edge;
  }
}
