import type {
  InspectedEvent,
  InspectedSnapshot,
  RunningDelays,
  TakenTransition,
} from '../../InspectionMessage';
import { Ring } from './Ring';

/** Steps that are kept for one actor. */
const MAX_STEPS = 400;

/** What one event did to an actor. */
export interface Step {
  /** Its place among all that was received, from 1. */
  readonly seq: number;
  /** Milliseconds since 1970, by the sender's clock. */
  readonly at: number;
  readonly sessionId: string;
  readonly event: InspectedEvent;
  /** The sender of the event, if it's an actor. */
  readonly sourceId: string | undefined;
  /** After the event. Undefined: the actor's kind has no snapshots, or none came. */
  readonly snapshot: InspectedSnapshot | undefined;
  /** Undefined: the sender doesn't tell. */
  readonly transitions: readonly TakenTransition[] | undefined;
  readonly emitted: readonly InspectedEvent[];
  readonly delays: RunningDelays | undefined;
}

/** An actor, with what was received about it. */
export class InspectedActor {
  readonly steps = new Ring<Step>(MAX_STEPS);
  name: string;
  parentId: string | undefined;
  definition: string | undefined;
  /** It was stopped, has come to its end, or is no longer watched. */
  gone = false;
  /** Its first step, or its own arrival. */
  readonly since: number;

  constructor(
    readonly sessionId: string,
    name: string,
    since: number,
  ) {
    this.name = name;
    this.since = since;
  }

  get latest(): Step | undefined {
    return this.steps.last();
  }

  /** The last step up to `seq`; undefined if it's not known (any more). */
  stepAt(seq: number): Step | undefined {
    let low = 0;
    let high = this.steps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.steps.at(middle)?.seq ?? 0) <= seq) low = middle + 1;
      else high = middle;
    }
    return this.steps.at(low - 1);
  }
}
