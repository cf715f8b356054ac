import type { Actor } from 'xstate';
import { attemptsInFlightAfter, hasOthersInFlight } from '../../machines/attemptsInFlight';
import type { backendHandoff } from '../../machines/backendHandoff';
import { hasWindowElapsed, windowRemainingMs } from '../../machines/failedAttemptWindow';
import type { HandoffEdge, HandoffNode } from './HandoffTable';
import { othersInFlightSymbol } from './handoffSymbols';
import type { TimerOwner } from './WindowTimers';

/** The actor of one backend's chart. */
export type BackendHandoffActor = Actor<typeof backendHandoff>;

/** One backend: its chart's state, and the data that stands beside it. */
export class BackendRecord implements TimerOwner {
  // What a decision needs comes first: with a million backends, each line of memory that it touches counts.
  node: HandoffNode;
  attemptsInFlight = 0;
  /** A whole number, not after `#openedAt`: it stands in the record itself, where a fraction would be an object beside it. */
  #openedFrom = 0;
  /** Follows the record for who looks at it, if anybody does. */
  actor: BackendHandoffActor | undefined = undefined;
  /** When the window opened, on the caller's time; NaN without one. */
  #openedAt = Number.NaN;
  dueAt = -1;
  queuedAt = -1;
  /** How many were made before it. */
  readonly serial: number;

  constructor(node: HandoffNode, serial: number) {
    this.node = node;
    this.serial = serial;
  }

  get openedAt(): number {
    return this.#openedAt;
  }

  set openedAt(moment: number) {
    this.#openedAt = moment;
    this.#openedFrom = Math.floor(moment);
  }

  /** The symbol of an attempt's end, with whether others stay in flight. */
  endingSymbol(symbol: number): number {
    return hasOthersInFlight(this.attemptsInFlight) ? othersInFlightSymbol(symbol) : symbol;
  }

  /** Takes the state that an edge leads to. */
  enter({ next, inFlightChange }: HandoffEdge): void {
    // Most edges lead back to where they came from; a write would cost a line of memory.
    if (this.node !== next) this.node = next;
    if (inFlightChange !== 0)
      this.attemptsInFlight = attemptsInFlightAfter(this.attemptsInFlight, inFlightChange);
  }

  /** Whether there is a window that is over at `now`. */
  hasWindowElapsed(now: number, windowMs: number): boolean {
    return (
      this.node.hasWindow &&
      // Not yet, even if it had opened as early as that: nearly always, this spares the look at the exact moment.
      hasWindowElapsed(this.#openedFrom, now, windowMs) &&
      hasWindowElapsed(this.#openedAt, now, windowMs)
    );
  }

  /** What is left of the window at `now`. */
  windowRemainingMs(now: number, windowMs: number): number {
    return windowRemainingMs(this.#openedAt, now, windowMs);
  }
}
