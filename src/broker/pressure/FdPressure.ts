import { createActor } from 'xstate';
import { FD_PRESSURE_INPUT, fdPressure } from '../../../machines';
import { requireAnswer } from '../../errors/callbackAnswer';
import type { InspectionObserver } from '../../index';
import { openFdCount, softFdLimit } from '../../net/fdUsage';

// A count reads a directory of /proc. With a thousand descriptors that takes about as long as a handoff.
const COUNT_MAX_AGE_MS = 50;
const COUNT_MIN_CALLS = 64;
// Far from the limit, count less often: no call is followed by as many new descriptors as this.
const FDS_A_CALL = 8;
// Enough to start a process, to count, and to answer `busy`.
const RESERVED_SHARE = 0.1;
const MIN_RESERVED = 8;
const MAX_RESERVED = 64;

/** Timers that keep no process alive. */
const UNREF_CLOCK = {
  setTimeout: (fn: () => void, ms: number) => setTimeout(fn, ms).unref(),
  clearTimeout: (timer: NodeJS.Timeout | undefined) => clearTimeout(timer),
};

/** Options of {@link FdPressure}. */
export interface FdPressureOptions {
  /** The number of open client connections. */
  readonly connections: () => number;
  /** The embedder's own check; replaces the count. */
  readonly check?: (() => boolean) | undefined;
  readonly inspect?: InspectionObserver | undefined;
  /** The number of open descriptors; undefined if unknown. */
  readonly countOpen?: () => number | undefined;
  /** The limit of open descriptors; undefined if unknown. */
  readonly limit?: () => number | undefined;
  /** A monotonic time in milliseconds. */
  readonly now?: () => number;
}

/**
 * Tells whether this process is short of file descriptors, as the chart `fdPressure` decides, and how many connections it may
 * accept without using up its reserve.
 */
export class FdPressure {
  readonly #options: FdPressureOptions;
  readonly #countOpen: () => number | undefined;
  readonly #now: () => number;
  readonly #limit: number | undefined;
  readonly #actor;
  // The chart's state, cached: it's read for each connection.
  #isDeclared = false;
  #maxConnections = Number.POSITIVE_INFINITY;
  #countedAt = Number.NEGATIVE_INFINITY;
  #callsLeft = 0;

  constructor(options: FdPressureOptions) {
    this.#options = options;
    this.#countOpen = options.countOpen ?? openFdCount;
    this.#now = options.now ?? (() => performance.now());
    this.#limit = (options.limit ?? softFdLimit)();
    this.#actor = createActor(fdPressure, {
      id: 'fd pressure',
      input: FD_PRESSURE_INPUT,
      // The handles that XState passes back are this clock's timers.
      clock: UNREF_CLOCK as {
        setTimeout(fn: () => void, ms: number): unknown;
        clearTimeout(id: unknown): void;
      },
      ...(options.inspect === undefined ? {} : { inspect: options.inspect }),
    });
    this.#actor.subscribe((snapshot) => {
      this.#isDeclared = snapshot.matches('pressured');
    });
    this.#actor.start();
  }

  /**
   * Whether handoff is off.
   *
   * @throws what the embedder's check throws; a TypeError if it doesn't return a boolean.
   */
  get isPressured(): boolean {
    const { check } = this.#options;
    if (check === undefined) {
      this.#count();
    } else {
      const isPressured = requireAnswer('fdPressure', check(), isBoolean, 'a boolean');
      // Send an event only for a change, not for each connection.
      if (isPressured !== this.#isDeclared) this.#actor.send({ type: 'pressure.stated', isPressured });
    }
    return this.#isDeclared;
  }

  /** The most connections that leave the reserve of descriptors untouched; at least 1. */
  get maxConnections(): number {
    this.#count();
    return this.#maxConnections;
  }

  /** The system refused a descriptor (EMFILE, ENFILE). */
  reportExhausted(): void {
    this.#actor.send({ type: 'fds.exhausted' });
  }

  stop(): void {
    this.#actor.stop();
  }

  #count(): void {
    const limit = this.#limit;
    if (limit === undefined) return;
    this.#callsLeft -= 1;
    const now = this.#now();
    if (now - this.#countedAt < COUNT_MAX_AGE_MS && this.#callsLeft > 0) return;
    this.#countedAt = now;
    const open = this.#countOpen();
    const room = limit * FD_PRESSURE_INPUT.pressuredFromShare - (open ?? limit);
    this.#callsLeft = Math.max(COUNT_MIN_CALLS, Math.floor(room / FDS_A_CALL));
    // Counting itself needs a descriptor and got none.
    if (open === undefined) {
      this.reportExhausted();
      return;
    }
    const reserved = Math.min(MAX_RESERVED, Math.max(MIN_RESERVED, Math.floor(limit * RESERVED_SHARE)));
    const others = open - this.#options.connections();
    this.#maxConnections = Math.max(1, limit - reserved - others);
    if (this.#options.check === undefined) this.#actor.send({ type: 'fds.counted', open, limit });
  }
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}
