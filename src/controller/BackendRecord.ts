import type { Actor } from 'xstate';
import { attemptsInFlightAfter, hasOthersInFlight } from '../../machines/attemptsInFlight';
import type { backendHandoff } from '../../machines/backendHandoff';
import { hasWindowElapsed, windowRemainingMs } from '../../machines/failedAttemptWindow';
import type { HandoffEdge, HandoffNode } from './HandoffTable';
import { othersInFlightSymbol } from './handoffSymbols';
import type { TimerOwner } from './WindowTimers';

/** The actor of one backend's chart. */
export type BackendHandoffActor = Actor<typeof backendHandoff>;

/** One backend: its chart's state, and the data kept outside the chart. */
export class BackendRecord implements TimerOwner {
  // The fields that a decision reads come first: with a million backends, each cache line costs time.
  node: HandoffNode;
  attemptsInFlight = 0;
  /** `#openedAt` rounded down: V8 stores a small integer in the record itself, a fraction in a separate heap object. */
  #openedFrom = 0;
  /** The live actor that mirrors the record, if it's observed. */
  actor: BackendHandoffActor | undefined = undefined;
  /** When the window opened, on the caller's clock; NaN without a window. */
  #openedAt = Number.NaN;
  dueAt = -1;
  queuedAt = -1;
  /** The number of records created before it. */
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

  /** The symbol of an attempt's end, depending on whether others are still in flight. */
  endingSymbol(symbol: number): number {
    return hasOthersInFlight(this.attemptsInFlight) ? othersInFlightSymbol(symbol) : symbol;
  }

  /** Follows an edge. */
  enter({ next, inFlightChange }: HandoffEdge): void {
    // Most edges are loops: skip the write, which would dirty a cache line.
    if (this.node !== next) this.node = next;
    if (inFlightChange !== 0)
      this.attemptsInFlight = attemptsInFlightAfter(this.attemptsInFlight, inFlightChange);
  }

  /** Whether there is a window that is over at `now`. */
  hasWindowElapsed(now: number, windowMs: number): boolean {
    return (
      this.node.hasWindow &&
      // Nearly always enough, and saves reading the exact time from another cache line.
      hasWindowElapsed(this.#openedFrom, now, windowMs) &&
      hasWindowElapsed(this.#openedAt, now, windowMs)
    );
  }

  /** Time left in the window at `now`, in milliseconds. */
  windowRemainingMs(now: number, windowMs: number): number {
    return windowRemainingMs(this.#openedAt, now, windowMs);
  }
}
