import type { ActorRefLike, AnyActorRef, InspectionEvent } from 'xstate';
import type { InspectionObserver } from '../../index';
import { guardObserver } from './guardObserver';

/** Most transfers shown at a time: each costs an actor, and nobody can follow more. */
const MAX_SHOWN_TRANSFERS = 32;

type Tell = (event: InspectionEvent) => void;

/**
 * The observers of a broker's own charts: the processes, descriptor pressure, and some transfers while somebody observes.
 * Observers can be added and removed at any time.
 */
export class BrokerInspection {
  /** The observer of the broker's `inspect` option; it gets every transfer. */
  readonly #always: Tell | undefined;
  readonly #onFailed: (cause: unknown) => void;
  readonly #observers = new Set<Tell>();
  /** Actors that haven't ended, with the `id` that observers were last told. */
  readonly #actors = new Map<ActorRefLike, string>();
  readonly #transfers = new Set<ActorRefLike>();

  /**
   * @param inspect observes everything from the start.
   * @param onFailed called with an observer's error.
   */
  constructor(inspect: InspectionObserver | undefined, onFailed: (cause: unknown) => void) {
    this.#onFailed = onFailed;
    this.#always = inspect && guardObserver('inspect', inspect, onFailed);
  }

  /** The observer of the `inspect` option, wrapped so that it never throws. */
  get always(): InspectionObserver | undefined {
    return this.#always;
  }

  /** The observer for the next transfer; undefined if nobody observes it. */
  get ofNextTransfer(): InspectionObserver | undefined {
    const isShown = this.#observers.size > 0 && this.#transfers.size < MAX_SHOWN_TRANSFERS;
    return isShown ? this.#ofTransfer : this.#always;
  }

  /** The observer for a long-lived actor. Without observers it costs one call for each event. */
  readonly ofActor = (event: InspectionEvent): void => {
    const { actorRef, type } = event;
    if (type === '@xstate.actor') this.#actors.set(actorRef, nameOf(actorRef));
    this.#tell(event);
    if (type !== '@xstate.snapshot') return;
    if (event.snapshot.status !== 'active') this.#actors.delete(actorRef);
    else this.#tellName(event);
  };

  readonly #ofTransfer = (event: InspectionEvent): void => {
    if (event.type === '@xstate.actor') this.#transfers.add(event.actorRef);
    this.ofActor(event);
    if (!this.#actors.has(event.actorRef)) this.#transfers.delete(event.actorRef);
  };

  /**
   * Replays every running actor to the observer, then passes on every event.
   *
   * @throws {TypeError} `observer` is neither a function nor an observer.
   */
  inspect(observer: InspectionObserver): { unsubscribe(): void } {
    const tell = guardObserver('observer', observer, this.#onFailed);
    // Copied: the observer may start actors, which are passed on below.
    for (const actor of [...this.#actors.keys()]) replay(actor as AnyActorRef, tell);
    this.#observers.add(tell);
    return { unsubscribe: () => void this.#observers.delete(tell) };
  }

  /** Repeats `@xstate.actor` when the actor's `id` has changed: a process gets its process id when it starts. */
  #tellName({ actorRef, rootId }: InspectionEvent): void {
    const name = nameOf(actorRef);
    if (this.#actors.get(actorRef) === name) return;
    this.#actors.set(actorRef, name);
    this.#tell({ type: '@xstate.actor', actorRef, rootId });
  }

  #tell(event: InspectionEvent): void {
    this.#always?.(event);
    for (const tell of this.#observers) tell(event);
  }
}

function nameOf(actor: ActorRefLike): string {
  return (actor as AnyActorRef).id;
}

function replay(actor: AnyActorRef, tell: Tell): void {
  const base = { actorRef: actor, rootId: actor.sessionId };
  tell({ ...base, type: '@xstate.actor' });
  tell({ ...base, type: '@xstate.snapshot', event: { type: 'xstate.init' }, snapshot: actor.getSnapshot() });
}
