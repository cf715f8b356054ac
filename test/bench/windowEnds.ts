import { type Clock, HandoffController } from '../../src';
import { systemClock } from '../../src/Clock';
import { median } from './measure';
import { section, showCount, showNumber } from './Section';

const BACKENDS = 1_000_000;
const WINDOW_MS = 10;

/** Milliseconds, over the rounds. */
interface Spread {
  readonly median: number;
  readonly worst: number;
}

interface WindowEndsData {
  readonly backends: number;
  readonly rounds: number;
  /** The longest stretch without the event loop while the windows end. */
  readonly longestBlockMs: Spread;
  /** The same for as long of a loop that has nothing to do: what the machine itself takes. */
  readonly idleBlockMs: Spread;
  /** From the first end to the last. */
  readonly durationMs: Spread;
}

function spread(values: readonly number[]): Spread {
  return { median: median(values), worst: Math.max(...values) };
}

/** Stands still while windows open, so that they open, and end, at one moment. */
class StandingClock implements Clock {
  #offset = 0;
  #standsAt: number | undefined;
  #timers = 0;

  /** Timers that have neither fired nor been cleared. */
  get timers(): number {
    return this.#timers;
  }

  now(): number {
    return this.#standsAt ?? performance.now() - this.#offset;
  }

  stand(): void {
    this.#standsAt = this.now();
  }

  go(): void {
    this.#offset = performance.now() - this.now();
    this.#standsAt = undefined;
  }

  setTimeout(fn: () => void, ms: number): unknown {
    this.#timers++;
    const fire = (): void => {
      this.#timers--;
      fn();
    };
    return systemClock.setTimeout(fire, ms);
  }

  clearTimeout(id: unknown): void {
    this.#timers--;
    systemClock.clearTimeout(id);
  }
}

/** Turns the event loop until told to stop; the longest turn, and all of them, in milliseconds. */
async function watchLoop(
  isOver: (passedMs: number) => boolean,
): Promise<{ longestMs: number; passedMs: number }> {
  const began = performance.now();
  let last = began;
  let longestMs = 0;
  while (!isOver(last - began)) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = performance.now();
    longestMs = Math.max(longestMs, now - last);
    last = now;
  }
  return { longestMs, passedMs: last - began };
}

export const windowEnds = section<WindowEndsData>({
  name: 'window-ends',
  title: 'Windows that end together',
  about:
    'The longest stretch, in milliseconds, that the event loop is held up by windows that all end in the same millisecond; beside it the same of a ' +
    'loop with nothing to do, for as long, in the same process.',

  async run({ rounds }) {
    const clock = new StandingClock();
    const controller = new HandoffController({
      policy: { failedAttemptWindowMs: WINDOW_MS },
      maxBackends: BACKENDS,
      clock,
    });
    const blocks: number[] = [];
    const idle: number[] = [];
    const durations: number[] = [];
    for (let round = 0; round < rounds; round++) {
      clock.stand();
      for (let n = 0; n < BACKENDS; n++) controller.recordFailedAttempt(`service-${n}`, 'backendAckTimeout');
      global.gc?.();
      clock.go();
      const ends = await watchLoop(() => clock.timers === 0);
      const nothing = await watchLoop((passedMs) => passedMs > ends.passedMs);
      blocks.push(ends.longestMs);
      idle.push(nothing.longestMs);
      durations.push(ends.passedMs);
    }
    controller.dispose();
    return {
      backends: BACKENDS,
      rounds,
      longestBlockMs: spread(blocks),
      idleBlockMs: spread(idle),
      durationMs: spread(durations),
    };
  },

  table({ backends, longestBlockMs, idleBlockMs, durationMs }) {
    const row = (what: string, { median, worst }: Spread) => [what, showNumber(median), showNumber(worst)];
    return {
      head: [`${showCount(backends)} windows`, 'median', 'worst'],
      rows: [
        row('longest stretch without the event loop', longestBlockMs),
        row('with nothing to do', idleBlockMs),
        row('from the first end to the last', durationMs),
      ],
    };
  },

  targets({ backends, longestBlockMs }) {
    return [
      {
        what: `${showCount(backends)} windows that end together: longest stretch without the event loop`,
        bound: { atMost: 10 },
        unit: 'ms',
        measured: longestBlockMs.median,
      },
    ];
  },
});
