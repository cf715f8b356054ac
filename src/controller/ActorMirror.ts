import { type ActorRefLike, createActor, type InspectionEvent, type Observer } from 'xstate';
import { type BackendHandoffEvent, backendHandoff } from '../../machines/backendHandoff';
import { INERT_CLOCK } from '../chart/inertClock';
import { onRejection } from '../errors/callbackAnswer';
import { readGiven, requireFunction, requireObject } from '../errors/invalidArgument';
import { type BackendId, backendDisplayName, copyBackendKey } from './BackendKey';
import type { BackendHandoffActor, BackendRecord } from './BackendRecord';

/** XState's inspection observer: a function, or an object with `next`. */
export type InspectionObserver = Observer<InspectionEvent> | ((event: InspectionEvent) => void);

type Tell = (event: InspectionEvent) => void;

function rethrowLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** What tells an observer: an error of its is no decision's. */
function toTeller(observer: InspectionObserver, onError: (error: unknown) => void): Tell {
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
      onRejection(next(event), onError);
    } catch (error) {
      onError(error);
    }
  };
}

function replay(actor: BackendHandoffActor, tell: Tell): void {
  const base = { actorRef: actor, rootId: actor.sessionId };
  tell({ ...base, type: '@xstate.actor' });
  const event = { type: 'xstate.init' };
  tell({ ...base, type: '@xstate.snapshot', event, snapshot: actor.getSnapshot() });
}

/**
 * The live XState actors of backends, for who looks at them: those that somebody asked for, and those of all backends while
 * anybody inspects. They follow the records; nothing is read from them.
 */
export class ActorMirror {
  readonly #onError: (error: unknown) => void;
  readonly #observers = new Set<Tell>();
  /** Records whose actor somebody asked for, so that it outlives the inspection. */
  readonly #askedFor = new WeakSet<BackendRecord>();
  /** Records whose actor is processing an event, and tells its observers. */
  readonly #telling = new Set<BackendRecord>();
  readonly #backends = new WeakMap<ActorRefLike, BackendId>();

  /** @param onError what becomes of an observer's error; by default it's thrown where no decision is in its way. */
  constructor(onError: (error: unknown) => void = rethrowLater) {
    this.#onError = onError;
  }

  /** A record is new: while anybody inspects it has an actor. */
  add(backend: BackendId, record: BackendRecord): void {
    if (this.#observers.size > 0) this.#start(backend, record);
  }

  /** The record's actor, which lives from now on whether anybody inspects or not. */
  actorOf(backend: BackendId, record: BackendRecord): BackendHandoffActor {
    this.#askedFor.add(record);
    return record.actor ?? this.#start(backend, record);
  }

  /** The backend that an actor is of; undefined if it's none of these. */
  backendOf(actor: ActorRefLike): BackendId | undefined {
    return this.#backends.get(actor);
  }

  /**
   * @throws {Error} with code `ERR_REENTRANT_CALL`: the record's actor is telling its observers, so one of them calls. It
   *   would be told again, and call again, without end.
   */
  checkNotTelling(record: BackendRecord): void {
    if (!this.#telling.has(record)) return;
    const message = `${record.actor?.id}: called by an observer of the backend's own actor`;
    throw Object.assign(new Error(message), { code: 'ERR_REENTRANT_CALL' });
  }

  /** Tells the record's actor what has happened, if it has one. */
  send(record: BackendRecord, event: BackendHandoffEvent): void {
    if (record.actor === undefined) return;
    this.#telling.add(record);
    try {
      record.actor.send(event);
    } finally {
      this.#telling.delete(record);
    }
  }

  /** Tells an observer of the records' actors, then of all that happens. Returns what ends it. */
  inspect(observer: InspectionObserver, records: () => Iterable<[BackendId, BackendRecord]>): () => void {
    const tell = toTeller(observer, this.#onError);
    for (const [backend, record] of records()) replay(record.actor ?? this.#start(backend, record), tell);
    this.#observers.add(tell);
    return () => {
      this.#observers.delete(tell);
      if (this.#observers.size > 0) return;
      for (const [, record] of records()) {
        if (this.#askedFor.has(record)) continue;
        record.actor?.stop();
        record.actor = undefined;
      }
    };
  }

  /** The record is nobody's any more. */
  forget(record: BackendRecord): void {
    record.actor?.stop();
  }

  clear(): void {
    this.#observers.clear();
  }

  readonly #tellObservers = (event: InspectionEvent): void => {
    for (const tell of this.#observers) tell(event);
  };

  /** An actor in the record's state, which is sent what happens from now on. */
  #start(backend: BackendId, record: BackendRecord): BackendHandoffActor {
    const actor = createActor(backendHandoff, {
      id: backendDisplayName(backend),
      input: record.node.snapshot.context,
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
}
