import { setTimeout } from 'node:timers/promises';
import { type Clock, HandoffController } from '../../src';
import { systemClock } from '../../src/controller/Clock';
import { median } from './measure';
import { section, showCount, showNumber } from './Section';

const BACKENDS = 1_000_000;
const WINDOW_MS = 10;
const SETTLE_MS = 200;

/** Milliseconds, over the rounds. */
interface Spread {
  readonly median: number;
  readonly worst: number;
}

/** Milliseconds of the longest turn, and of all turns. */
interface Watched {
  readonly longestMs: number;
  readonly passedMs: number;
}

interface WindowEndsData {
  readonly backends: number;
  readonly rounds: number;
  /** The longest blocking of the event loop while the windows end. */
  readonly longestBlockMs: Spread;
  /** The same for as long of a loop that has nothing to do: what the machine itself takes. */
  readonly idleBlockMs: Spread;
  /** What the ends add to that, round by round. */
  readonly beyondIdleMs: Spread;
  /** From the first end to the last. */
  readonly durationMs: Spread;
}

function spread(values: readonly number[]): Spread {
  return { median: median(values), worst: Math.max(...values) };
}

/** Stops while windows open, so that all open and end at the same time; its timers wait until it continues. */
class StandingClock implements Clock {
  #offset = 0;
  #standsAt: number | undefined;
  readonly #waiting = new Map<object, { readonly fn: () => void; readonly ms: number }>();
  readonly #running = new Map<object, unknown>();

  /** Neither fired nor cleared. */
  get hasTimers(): boolean {
    return this.#waiting.size + this.#running.size > 0;
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
    for (const [id, { fn, ms }] of this.#waiting) this.#start(id, fn, ms);
    this.#waiting.clear();
  }

  setTimeout(fn: () => void, ms: number): object {
    const id = {};
    if (this.#standsAt === undefined) this.#start(id, fn, ms);
    else this.#waiting.set(id, { fn, ms });
    return id;
  }

  clearTimeout(id: object): void {
    this.#waiting.delete(id);
    if (this.#running.has(id)) systemClock.clearTimeout(this.#running.get(id));
    this.#running.delete(id);
  }

  #start(id: object, fn: () => void, ms: number): void {
    const fire = (): void => {
      this.#running.delete(id);
      fn();
    };
    this.#running.set(id, systemClock.setTimeout(fire, ms));
  }
}

/** Turns the event loop until told to stop, and stamps every turn. */
async function watchLoop(isOver: (passedMs: number) => boolean): Promise<Watched> {
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
    'The longest time, in milliseconds, for which windows that all end in the same millisecond block the event loop, ' +
    'compared with an idle event loop of the same process over the same time.',

  async run({ rounds }) {
    const clock = new StandingClock();
    const controller = new HandoffController({
      policy: { failedAttemptWindowMs: WINDOW_MS },
      maxBackends: BACKENDS,
      clock,
    });
    const ends: Watched[] = [];
    const idle: Watched[] = [];
    for (let round = 0; round < rounds; round++) {
      clock.stand();
      for (let n = 0; n < BACKENDS; n++) controller.recordFailedAttempt(`service-${n}`, 'backendAckTimeout');
      global.gc?.();
      // The collector's own threads go on for a while.
      await setTimeout(SETTLE_MS);
      clock.go();
      const watched = await watchLoop(() => !clock.hasTimers);
      ends.push(watched);
      idle.push(await watchLoop((passedMs) => passedMs > watched.passedMs));
    }
    controller.dispose();
    return {
      backends: BACKENDS,
      rounds,
      longestBlockMs: spread(ends.map(({ longestMs }) => longestMs)),
      idleBlockMs: spread(idle.map(({ longestMs }) => longestMs)),
      beyondIdleMs: spread(ends.map(({ longestMs }, round) => longestMs - (idle[round]?.longestMs ?? 0))),
      durationMs: spread(ends.map(({ passedMs }) => passedMs)),
    };
  },

  table({ backends, longestBlockMs, idleBlockMs, beyondIdleMs, durationMs }) {
    const row = (what: string, { median, worst }: Spread) => [what, showNumber(median), showNumber(worst)];
    return {
      head: [`${showCount(backends)} windows`, 'median', 'worst'],
      rows: [
        row('longest blocking of the event loop', longestBlockMs),
        row('the same in an idle loop', idleBlockMs),
        row('difference', beyondIdleMs),
        row('from the first end to the last', durationMs),
      ],
    };
  },

  targets({ backends, beyondIdleMs }) {
    return [
      {
        what: `${showCount(backends)} windows that end together: longest blocking of the event loop, in addition to an idle loop's`,
        bound: { atMost: 10 },
        unit: 'ms',
        measured: beyondIdleMs.median,
      },
    ];
  },
});
