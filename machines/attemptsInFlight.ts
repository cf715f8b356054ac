/**
 * Counts the attempts in flight to one backend. The count is kept outside the chart, because in the chart's context it would
 * make the graph infinite. The chart says when an attempt starts and ends.
 */

/** The count after the chart emitted `change`. Never below 0: an end without a recorded start is ignored. */
export function attemptsInFlightAfter(inFlight: number, change: number): number {
  return Math.max(0, inFlight + change);
}

/** Whether other attempts are still in flight after one ends. */
export function hasOthersInFlight(inFlight: number): boolean {
  return inFlight > 1;
}
