import { type ActorRefLike, createActor, type InspectionEvent, type Observer } from 'xstate';
import { type BackendHandoffEvent, backendHandoff } from '../../machines/backendHandoff';
import { INERT_CLOCK } from '../chart/inertClock';
import { HandoffError } from '../errors/HandoffError';
import { onRejection } from '../errors/onRejection';
import { type BackendId, backendDisplayName, copyBackendKey } from './BackendKey';
import type { BackendHandoffActor, BackendRecord } from './BackendRecord';
import { checkObserver } from './checkObserver';

/** XState's inspection observer: a function, or an object with `next`. */
export type InspectionObserver = Observer<InspectionEvent> | ((event: InspectionEvent) => void);

type Tell = (event: InspectionEvent) => void;

/** Calls an observer, so that an observer's error never fails a decision. */
function toTeller(observer: InspectionObserver, onError: (error: unknown) => void): Tell {
  checkObserver('observer', observer);
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
 * The live XState actors of backends: those requested by `actorOf`, and those of all backends during an inspection. They
 * follow the records; nothing is read from them.
 */
export class ActorMirror {
  readonly #onError: (error: unknown) => void;
  readonly #observers = new Set<Tell>();
  /** Records whose actor was requested by `actorOf`, so that it outlives the inspection. */
  readonly #askedFor = new WeakSet<BackendRecord>();
  /** Records whose actor is processing an event and notifying its observers. */
  readonly #telling = new Set<BackendRecord>();
  readonly #backends = new WeakMap<ActorRefLike, BackendId>();

  /** @param onError receives an observer's error; must not throw. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Adds a new record. During an inspection it gets an actor. */
  add(backend: BackendId, record: BackendRecord): void {
    if (this.#observers.size > 0) this.#start(backend, record);
  }

  /** The record's actor, which from now on outlives inspections. */
  actorOf(backend: BackendId, record: BackendRecord): BackendHandoffActor {
    this.#askedFor.add(record);
    return record.actor ?? this.#start(backend, record);
  }

  /** An actor's backend; undefined if it's not one of these actors. */
  backendOf(actor: ActorRefLike): BackendId | undefined {
    return this.#backends.get(actor);
  }

  /**
   * @throws {Error} with code `ERR_REENTRANT_CALL`: called by an observer of the record's actor. It would be
   *   notified and call again, without end.
   */
  checkNotTelling(record: BackendRecord): void {
    if (!this.#telling.has(record)) return;
    const message = `${record.actor?.id}: called by an observer of the backend's own actor`;
    throw new HandoffError('ERR_REENTRANT_CALL', message);
  }

  /** Sends the event to the record's actor, if it has one. */
  send(record: BackendRecord, event: BackendHandoffEvent): void {
    if (record.actor === undefined) return;
    this.#telling.add(record);
    try {
      record.actor.send(event);
    } finally {
      this.#telling.delete(record);
    }
  }

  /** Tells an observer about the records' actors, then about every event. Returns a function that ends the inspection. */
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

  /** Stops the actor of a removed record. */
  forget(record: BackendRecord): void {
    record.actor?.stop();
  }

  clear(): void {
    this.#observers.clear();
  }

  readonly #tellObservers = (event: InspectionEvent): void => {
    for (const tell of this.#observers) tell(event);
  };

  /** Starts an actor in the record's state; it gets every event from now on. */
  #start(backend: BackendId, record: BackendRecord): BackendHandoffActor {
    const actor = createActor(backendHandoff, {
      id: backendDisplayName(backend),
      input: record.node.snapshot.context,
      snapshot: record.node.snapshot,
      // The controller's timers send the delayed events.
      clock: INERT_CLOCK,
    });
    // Finish the bookkeeping before observers hear of the actor: they may call back at once.
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
