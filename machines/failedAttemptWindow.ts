/**
 * The times of a failed-attempt window. They are kept outside the chart, because in the chart's context they would make the
 * graph infinite. All values are milliseconds on one time base.
 */

/** How much of the window has passed at `now`; 0 if `now` is before `openedAt`. */
export function windowElapsedMs(openedAt: number, now: number): number {
  return Math.max(0, now - openedAt);
}

/** Whether a window of `windowMs` is over at `now`. It is over at exactly `openedAt + windowMs`. */
export function hasWindowElapsed(openedAt: number, now: number, windowMs: number): boolean {
  return windowElapsedMs(openedAt, now) >= windowMs;
}

/** Time left in the window at `now`: from 0 to `windowMs`. */
export function windowRemainingMs(openedAt: number, now: number, windowMs: number): number {
  return Math.max(0, windowMs - windowElapsedMs(openedAt, now));
}
