import type { ActorRefLike, InspectionEvent, Observer } from 'xstate';
import type { RunningDelays } from '../messages/InspectionMessage';

/** Something whose actors can be watched: a `HandoffController`, or anything with XState's inspection observer. */
export interface InspectionSource {
  /** Tells the observer of every actor that lives (`@xstate.actor`, `@xstate.snapshot`), then of all that happens. */
  inspect(observer: Observer<InspectionEvent>): { unsubscribe(): void };
  /** When the actor's running delays end, for countdowns. Left out: a viewer goes by the chart's literal delays. */
  delaysOf?(actor: ActorRefLike): RunningDelays | undefined;
}
