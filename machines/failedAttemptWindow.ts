/**
 * The arithmetic of a failed-attempt window: data that stands beside the chart's state, since moments in its context
 * would make the chart's graph infinite. All values are milliseconds on one time base.
 */

/** How much of the window has passed at `now`. A `now` before `openedAt` counts as no time. */
export function windowElapsedMs(openedAt: number, now: number): number {
  return Math.max(0, now - openedAt);
}

/** Whether a window of `windowMs` is over at `now`: at the exact millisecond it is. */
export function hasWindowElapsed(openedAt: number, now: number, windowMs: number): boolean {
  return windowElapsedMs(openedAt, now) >= windowMs;
}

/** What is left of the window at `now`: from 0 to `windowMs`. */
export function windowRemainingMs(openedAt: number, now: number, windowMs: number): number {
  return Math.max(0, windowMs - windowElapsedMs(openedAt, now));
}
