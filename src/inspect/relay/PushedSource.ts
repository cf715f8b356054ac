import type { AnyActorRef, InspectionEvent, Observer } from 'xstate';
import type { InspectionSource } from './InspectionSource';
import { isRunning } from './isRunning';

/** A running actor, which the source doesn't keep alive. */
interface KnownActor {
  readonly ref: WeakRef<AnyActorRef>;
  readonly rootId: string;
}

/** The actors of `createActor(logic, { inspect })`: their events come whether or not anybody observes. */
export class PushedSource implements InspectionSource {
  readonly #actors = new Map<string, KnownActor>();
  readonly #observers = new Set<Observer<InspectionEvent>>();
  readonly #collected = new FinalizationRegistry<string>((sessionId) => this.#actors.delete(sessionId));

  push(event: InspectionEvent): void {
    const ref = event.actorRef as AnyActorRef;
    if (event.type === '@xstate.actor') {
      this.#actors.set(ref.sessionId, { ref: new WeakRef(ref), rootId: event.rootId });
      this.#collected.register(ref, ref.sessionId);
    } else if (event.type === '@xstate.snapshot' && event.snapshot.status !== 'active') {
      this.#actors.delete(ref.sessionId);
    }
    for (const observer of this.#observers) observer.next?.(event);
  }

  inspect(observer: Observer<InspectionEvent>): { unsubscribe(): void } {
    for (const [sessionId, { ref, rootId }] of this.#actors) {
      const actorRef = ref.deref();
      if (actorRef && isRunning(actorRef)) observer.next?.({ type: '@xstate.actor', actorRef, rootId });
      else this.#actors.delete(sessionId);
    }
    this.#observers.add(observer);
    return { unsubscribe: () => this.#observers.delete(observer) };
  }
}
