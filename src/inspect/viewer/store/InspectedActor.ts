import type {
  InspectedEvent,
  InspectedSnapshot,
  RunningDelays,
  TakenTransition,
} from '../../messages/InspectionMessage';
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
  readonly #steps = new Ring<Step>(MAX_STEPS);
  /** What was kept when newer steps began to take its place while the page was paused. */
  #held: readonly Step[] | undefined;
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
    return this.#steps.last();
  }

  /** All that are kept, the oldest first. */
  steps(): readonly Step[] {
    const steps = this.#steps.toArray();
    if (!this.#held) return steps;
    const until = this.#heldUntil;
    return [...this.#held, ...steps.filter(({ seq }) => seq > until)];
  }

  /** @param holding keep what there is, beside as many newer steps */
  add(step: Step, holding: boolean): void {
    if (holding && this.#steps.length === MAX_STEPS) this.#held ??= [...this.#steps.toArray(), step];
    this.#steps.push(step);
  }

  replaceLatest(step: Step): void {
    this.#steps.replaceLast(step);
  }

  /** Nobody looks at what was held any more. */
  release(): void {
    this.#held = undefined;
  }

  /** The last step up to `seq`; undefined if it's not known (any more). */
  stepAt(seq: number): Step | undefined {
    return this.#held && seq <= this.#heldUntil ? lastUpTo(this.#held, seq) : lastUpTo(this.#steps, seq);
  }

  get #heldUntil(): number {
    return this.#held?.at(-1)?.seq ?? 0;
  }
}

function lastUpTo(steps: Ring<Step> | readonly Step[], seq: number): Step | undefined {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((steps.at(middle)?.seq ?? 0) <= seq) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? undefined : steps.at(low - 1);
}
