/** The time of a controller. */
export interface Clock {
  /** Milliseconds that never go back, from any start. */
  now(): number;
  /**
   * Milliseconds since 1970, for what outlives the process.
   * @default Date.now
   */
  wallNow?(): number;
  /** Calls `fn` once, in about `ms` milliseconds; `ms` is at most 2^31 - 1. */
  setTimeout(fn: () => void, ms: number): unknown;
  /** Takes what `setTimeout` returned. */
  clearTimeout(id: unknown): void;
}

/** Monotonic time and timers that keep no process alive. */
export const systemClock: Clock = Object.freeze({
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimeout: (fn: () => void, ms: number) => {
    // In a page, where the client of an inspector may want it, a timer is a number.
    const timer: NodeJS.Timeout | number = setTimeout(fn, ms);
    return typeof timer === 'number' ? timer : timer.unref();
  },
  clearTimeout: (id: unknown) => clearTimeout(id as NodeJS.Timeout),
});
