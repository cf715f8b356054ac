/**
 * The arithmetic of the attempts in flight to one backend: a number beside the chart's state, since in its context it would
 * make the chart's graph infinite. The chart says when one starts and when one ends.
 */

/** How many are in flight after the chart told `change` of them. An end that nobody told the start of counts for nothing. */
export function attemptsInFlightAfter(inFlight: number, change: number): number {
  return Math.max(0, inFlight + change);
}

/** Whether others stay in flight when one of them ends. */
export function hasOthersInFlight(inFlight: number): boolean {
  return inFlight > 1;
}
