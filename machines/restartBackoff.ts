/** The pause before a backend's process is restarted. The chart says that there is a pause, not how long it is. */
const FIRST_RESTART_MS = 100;
const LONGEST_RESTART_MS = 10_000;
const MOST_DOUBLINGS = 10;

/**
 * Milliseconds until the next start: 100, doubled after each failed start up to 10,000, then reduced at random by up to half.
 *
 * @param failedStarts consecutive failed starts so far.
 * @param random from 0 to below 1; keeps backends that failed together from restarting together.
 */
export function restartDelayMs(failedStarts: number, random: number): number {
  const full = Math.min(LONGEST_RESTART_MS, FIRST_RESTART_MS * 2 ** Math.min(failedStarts, MOST_DOUBLINGS));
  return Math.round(full * (0.5 + random / 2));
}
