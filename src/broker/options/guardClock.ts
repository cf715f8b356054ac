import { type Clock, checkClock } from '../../controller/Clock';
import { requireAnswer } from '../../errors/callbackAnswer';
import { onRejection } from '../../errors/onRejection';

/**
 * Wraps an embedder's clock so that it never throws: `now` repeats the last valid time, and a timer that can't be set is
 * skipped. Timers only make a window's end visible; no decision depends on them.
 *
 * @param tell called with the failed function's name and its error.
 * @throws {TypeError | RangeError} the clock is invalid or fails now.
 */
export function guardClock(clock: Clock, tell: (method: string, cause: unknown) => void): Clock {
  checkClock(clock);
  let last = requireTime('clock.now', clock.now());
  const attempt = <T>(method: keyof Clock, call: () => T, otherwise: () => T): T => {
    try {
      return call();
    } catch (cause) {
      tell(`clock.${method}`, cause);
      return otherwise();
    }
  };
  return {
    now: () => {
      last = attempt(
        'now',
        () => requireTime('clock.now', clock.now()),
        () => last,
      );
      return last;
    },
    wallNow: () =>
      attempt('wallNow', () => requireTime('clock.wallNow', clock.wallNow?.() ?? Date.now()), Date.now),
    setTimeout: (fn, ms) =>
      attempt(
        'setTimeout',
        () => {
          const timer = clock.setTimeout(fn, ms);
          onRejection(timer, (cause) => tell('clock.setTimeout', cause));
          // Not the promise itself, which the controller would handle too.
          return { timer };
        },
        () => ({ timer: undefined }),
      ),
    clearTimeout: (id) => {
      attempt(
        'clearTimeout',
        () =>
          onRejection(clock.clearTimeout((id as { readonly timer: unknown }).timer), (cause) =>
            tell('clock.clearTimeout', cause),
          ),
        () => {},
      );
    },
  };
}

function requireTime(method: string, answer: unknown): number {
  return requireAnswer(method, answer, isTime, 'finite milliseconds from 0');
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY;
}
