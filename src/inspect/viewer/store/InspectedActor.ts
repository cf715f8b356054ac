import type {
  InspectedEvent,
  InspectedSnapshot,
  RunningDelays,
  TakenTransition,
} from '../../messages/InspectionMessage';
import { Ring } from './Ring';

/** Most steps kept for one actor. */
const MAX_STEPS = 400;

/** The effect of one event on an actor. */
export interface Step {
  /** Its number among all received steps, from 1. */
  readonly seq: number;
  /** Milliseconds since 1970, by the sender's clock. */
  readonly at: number;
  readonly sessionId: string;
  readonly event: InspectedEvent;
  /** The sender of the event, if it's an actor. */
  readonly sourceId: string | undefined;
  /** The snapshot after the event; undefined if none was sent. */
  readonly snapshot: InspectedSnapshot | undefined;
  /** Undefined if the sender doesn't report them. */
  readonly transitions: readonly TakenTransition[] | undefined;
  readonly emitted: readonly InspectedEvent[];
  readonly delays: RunningDelays | undefined;
}

/** An actor with its received steps. */
export class InspectedActor {
  readonly #steps = new Ring<Step>(MAX_STEPS);
  /** While the page is paused: the steps that newer ones would have replaced. */
  #held: readonly Step[] | undefined;
  name: string;
  parentId: string | undefined;
  definition: string | undefined;
  /** It was stopped, is done, or its source was detached. */
  gone = false;
  /** It failed with this error, which may be undefined. */
  failure: { readonly error: unknown } | undefined;
  /** When it was first seen, in milliseconds since 1970. */
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

  /** The kept steps, oldest first. */
  steps(): readonly Step[] {
    const steps = this.#steps.toArray();
    if (!this.#held) return steps;
    const until = this.#heldUntil;
    return [...this.#held, ...steps.filter(({ seq }) => seq > until)];
  }

  /** @param holding keep the present steps in addition to newer ones */
  add(step: Step, holding: boolean): void {
    if (holding && this.#steps.length === MAX_STEPS) this.#held ??= [...this.#steps.toArray(), step];
    this.#steps.push(step);
  }

  replaceLatest(step: Step): void {
    this.#steps.replaceLast(step);
  }

  /** Drops the steps kept by `holding`. */
  release(): void {
    this.#held = undefined;
  }

  /** The last step up to `seq`; undefined if it isn't kept. */
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
