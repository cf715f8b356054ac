import type { FdPressureEvent, FdPressureInput } from '../../machines';

/** The end of the hold, as XState names it. */
export const HOLD_OVER_EVENT = 'xstate.after.exhaustedHold.fdPressure.pressured.exhausted';

/** What happens to a process's descriptors: the chart's events, and the end of the hold. */
export type FdHappening = FdPressureEvent | { readonly type: typeof HOLD_OVER_EVENT };

/** An independent model of the pressure on descriptors in plain code. It must share no code with `machines` or `src`. */
export class FdPressureModel {
  isPressured = false;
  isHeld = false;

  constructor(readonly input: FdPressureInput) {}

  take(event: FdHappening): void {
    if (event.type === 'fds.exhausted') {
      this.isPressured = true;
      this.isHeld = true;
    } else if (event.type === HOLD_OVER_EVENT) {
      this.isHeld = false;
    } else if (event.type === 'pressure.stated') {
      if (!this.isHeld) this.isPressured = event.isPressured;
    } else if (!this.isHeld) {
      const share = event.open / event.limit;
      if (share >= this.input.pressuredFromShare) this.isPressured = true;
      if (share < this.input.normalBelowShare) this.isPressured = false;
    }
  }
}
