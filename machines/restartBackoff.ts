/** The pause before a backend's process is started anew: data beside the chart, which only says that there is a pause. */
const FIRST_RESTART_MS = 100;
const LONGEST_RESTART_MS = 10_000;
const MOST_DOUBLINGS = 10;

/**
 * Milliseconds until the next start, twice as many after each failed one: 100 to 10,000, less up to a half.
 *
 * @param failedStarts how many failed in a row before this one.
 * @param random from 0 up to 1: so that backends which failed together don't all start together.
 */
export function restartDelayMs(failedStarts: number, random: number): number {
  const full = Math.min(LONGEST_RESTART_MS, FIRST_RESTART_MS * 2 ** Math.min(failedStarts, MOST_DOUBLINGS));
  return Math.round(full * (0.5 + random / 2));
}
