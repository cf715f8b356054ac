import type { ActorRefLike, InspectionEvent, Observer } from 'xstate';
import type { RunningDelays } from '../messages/InspectionMessage';

/** A source of actors: a `HandoffController`, or anything else with XState's inspection observer. */
export interface InspectionSource {
  /** Replays every running actor (`@xstate.actor`, `@xstate.snapshot`) to the observer, then passes on every event. */
  inspect(observer: Observer<InspectionEvent>): { unsubscribe(): void };
  /** The ends of the actor's running delays, for countdowns. Without it there are none. */
  delaysOf?(actor: ActorRefLike): RunningDelays | undefined;
}
