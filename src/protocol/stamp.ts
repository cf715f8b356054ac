import { monotonicNow } from '../net/monotonicNow';

/** By how many milliseconds a stamp may be off: whoever gives one may have rounded it, up as well as down. */
export const STAMP_ROUNDING_MS = 1;

/** The time now as a stamp: whole milliseconds, rounded down. */
export function stampOfNow(): number {
  return Math.floor(monotonicNow());
}

/** Whether a stamp or time was read from the clock after another one, whatever was rounded. */
export function isLater(time: number, other: number): boolean {
  return time - other > STAMP_ROUNDING_MS;
}
