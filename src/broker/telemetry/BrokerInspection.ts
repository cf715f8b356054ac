import type { ActorRefLike, AnyActorRef, InspectionEvent } from 'xstate';
import type { InspectionObserver } from '../../index';
import { guardObserver } from './guardObserver';

/** Transfers that are shown at a time. A person can't follow more, and each costs an actor. */
const MAX_SHOWN_TRANSFERS = 32;

type Tell = (event: InspectionEvent) => void;

/**
 * The charts of a broker beside its controller's: those of the processes and of descriptor pressure, and of some transfers
 * while anybody watches. Observers come and go while the broker runs.
 */
export class BrokerInspection {
  /** The broker's option: it's told of every transfer. */
  readonly #always: Tell | undefined;
  readonly #onFailed: (cause: unknown) => void;
  readonly #observers = new Set<Tell>();
  /** Those that have not ended, by the name that observers know. */
  readonly #actors = new Map<ActorRefLike, string>();
  readonly #transfers = new Set<ActorRefLike>();

  /**
   * @param inspect told of everything from the start.
   * @param onFailed told how an observer failed.
   */
  constructor(inspect: InspectionObserver | undefined, onFailed: (cause: unknown) => void) {
    this.#onFailed = onFailed;
    this.#always = inspect && guardObserver('inspect', inspect, onFailed);
  }

  /** The option's observer, which never throws. */
  get always(): InspectionObserver | undefined {
    return this.#always;
  }

  /** The observer for a transfer that is about to begin; undefined: nobody is told of it. */
  get ofNextTransfer(): InspectionObserver | undefined {
    const isShown = this.#observers.size > 0 && this.#transfers.size < MAX_SHOWN_TRANSFERS;
    return isShown ? this.#ofTransfer : this.#always;
  }

  /** The observer for an actor that lasts. It costs a call for each of its events while nobody watches. */
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
   * Tells the observer of every actor that lives, then of all that happens.
   *
   * @throws {TypeError} if it's no observer.
   */
  inspect(observer: InspectionObserver): { unsubscribe(): void } {
    const tell = guardObserver('observer', observer, this.#onFailed);
    // Its answer to what it's told may start actors, of which it's told below.
    for (const actor of [...this.#actors.keys()]) replay(actor as AnyActorRef, tell);
    this.#observers.add(tell);
    return { unsubscribe: () => void this.#observers.delete(tell) };
  }

  /** A process has its id in its name once it runs. */
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
