import { invalidType, readGiven } from '../errors/invalidArgument';
import { type OptionNames, requireMembers } from '../errors/readOptions';

/** A controller's source of time and timers. */
export interface Clock {
  /** Monotonic milliseconds from any origin. */
  now(): number;
  /**
   * Milliseconds since 1970, for snapshots that outlive the process.
   * @default Date.now
   */
  wallNow?(): number;
  /** Calls `fn` once, in about `ms` milliseconds; `ms` is at most 2^31 - 1. */
  setTimeout(fn: () => void, ms: number): unknown;
  /** Cancels a timer; `id` is the value that `setTimeout` returned. */
  clearTimeout(id: unknown): void;
}

const CLOCK_METHODS: OptionNames<Clock> = { now: true, wallNow: true, setTimeout: true, clearTimeout: true };

/**
 * Checks a clock that a caller gave.
 * @throws TypeError a method is missing, or something else
 */
export function checkClock(value: unknown): Clock {
  const clock = requireMembers<Clock>('clock', value, CLOCK_METHODS);
  for (const name of Object.keys(CLOCK_METHODS) as (keyof Clock)[]) {
    const method: unknown = readGiven(`clock.${name}`, () => clock[name]);
    if (typeof method === 'function' || (name === 'wallNow' && method === undefined)) continue;
    throw invalidType(`clock.${name}`, 'a function', method);
  }
  return clock;
}

/** Monotonic time, and timers that don't keep the process alive. */
export const systemClock: Clock = Object.freeze({
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimeout: (fn: () => void, ms: number) => {
    // In a browser a timer is a number and has no `unref`.
    const timer: NodeJS.Timeout | number = setTimeout(fn, ms);
    return typeof timer === 'number' ? timer : timer.unref();
  },
  clearTimeout: (id: unknown) => clearTimeout(id as NodeJS.Timeout),
});
