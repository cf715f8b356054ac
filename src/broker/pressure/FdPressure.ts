import { createActor } from 'xstate';
import { FD_PRESSURE_INPUT, fdPressure } from '../../../machines';
import { requireAnswer } from '../../errors/callbackAnswer';
import type { InspectionObserver } from '../../index';
import { openFdCount, softFdLimit } from '../../net/fdUsage';

// A count reads a directory of /proc: about as long as a handoff takes when there are a thousand descriptors.
const COUNT_MAX_AGE_MS = 50;
const COUNT_MIN_CALLS = 64;
// Far from the limit there is no need to count so often: no call is followed by as many new descriptors.
const FDS_A_CALL = 8;
// Enough to start a process, to count, and to tell whoever comes on top that this process is busy.
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
  /** Connections that are in this process's hands. */
  readonly connections: () => number;
  /** The embedder's own check, which then decides instead of the count. */
  readonly check?: (() => boolean) | undefined;
  readonly inspect?: InspectionObserver | undefined;
  /** Descriptors that are open, or undefined where that can't be told. */
  readonly countOpen?: () => number | undefined;
  /** Most that may be open, or undefined where that can't be told. */
  readonly limit?: () => number | undefined;
  /** Milliseconds on a steady clock. */
  readonly now?: () => number;
}

/**
 * Whether this process is short of file descriptors, from what it sees of them; the chart decides. And how many
 * connections it may take without using up what it needs to go on.
 */
export class FdPressure {
  readonly #options: FdPressureOptions;
  readonly #countOpen: () => number | undefined;
  readonly #now: () => number;
  readonly #limit: number | undefined;
  readonly #actor;
  // What the chart says, at hand: it's asked for each connection.
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
      // Its handles are this clock's own.
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
   * @throws what the embedder's check throws; a TypeError if it gives no boolean.
   */
  get isPressured(): boolean {
    const { check } = this.#options;
    if (check === undefined) {
      this.#count();
    } else {
      const isPressured = requireAnswer('fdPressure', check(), isBoolean, 'a boolean');
      // An answer that says nothing new isn't worth an event for each connection.
      if (isPressured !== this.#isDeclared) this.#actor.send({ type: 'pressure.stated', isPressured });
    }
    return this.#isDeclared;
  }

  /** Most connections that may be in this process's hands for its reserve of descriptors to stay: at least 1. */
  get maxConnections(): number {
    this.#count();
    return this.#maxConnections;
  }

  /** The system had no descriptor to give. */
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
    // Where even the count found no descriptor, there is nothing to believe but that.
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
