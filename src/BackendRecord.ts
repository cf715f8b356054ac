import type { Actor } from 'xstate';
import type { backendHandoff } from '../machines/backendHandoff';
import { hasWindowElapsed, windowRemainingMs } from '../machines/failedAttemptWindow';
import type { HandoffNode } from './HandoffTable';
import type { TimerOwner } from './WindowTimers';

/** The actor of one backend's chart. */
export type BackendHandoffActor = Actor<typeof backendHandoff>;

/** One backend: its chart's state, and the data that stands beside it. */
export class BackendRecord implements TimerOwner {
  /** Follows the record for who looks at it, if anybody does. */
  actor: BackendHandoffActor | undefined;
  /** The actor is processing an event, and tells its observers. */
  isTellingActor = false;
  attemptsInFlight = 0;
  /** When the window opened, on the caller's time; NaN without one. */
  openedAt = Number.NaN;
  dueAt = -1;
  queuedAt = -1;

  constructor(public node: HandoffNode) {}

  /** Whether attempts stay in flight when one ends. */
  get hasOthersInFlight(): boolean {
    return this.attemptsInFlight > 1;
  }

  /** Whether there is a window that is over at `now`. */
  hasWindowElapsed(now: number, windowMs: number): boolean {
    return this.node.hasWindow && hasWindowElapsed(this.openedAt, now, windowMs);
  }

  /** What is left of the window at `now`. */
  windowRemainingMs(now: number, windowMs: number): number {
    return windowRemainingMs(this.openedAt, now, windowMs);
  }
}
