import { requireMilliseconds } from '../errors/invalidArgument';
import { MAX_TIMER_MS } from '../errors/maxTimerMs';
import { onRejection } from '../errors/onRejection';
import type { Clock } from './Clock';

/** How long one run may block the event loop, in milliseconds. */
const MAX_RUN_MS = 2;
/** How many ends to handle between two reads of the clock. */
const RUN_STEPS = 16;
/** How many stale entries to keep before a cleanup. */
const MIN_STALE_ENTRIES = 1_024;

/** The owner of a timer. Only `WindowTimers` uses the fields: whole milliseconds from any origin, -1 for none. */
export interface TimerOwner {
  /** When its timer is due. */
  dueAt: number;
  /** The time of its heap entry. */
  queuedAt: number;
}

/**
 * The timers of all windows, driven by one real timer. Clearing or resetting one needs no search: its heap entry stays and
 * is checked when it's due.
 */
export class WindowTimers<Owner extends TimerOwner> {
  readonly #clock: Clock;
  readonly #onDue: (owner: Owner) => void;
  readonly #onError: (error: unknown) => void;
  /** A binary heap in two arrays, the earliest entry first. */
  readonly #owners: Owner[] = [];
  readonly #moments: number[] = [];
  readonly #start: number;
  #armed = 0;
  #timer: unknown;
  /** When the real timer is due; Infinity without one. */
  #timerFor = Number.POSITIVE_INFINITY;

  /**
   * @param onError receives what the clock throws or rejects with outside of a call. The ends that it concerns are seen with
   *   the next timer.
   */
  constructor(clock: Clock, onDue: (owner: Owner) => void, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#onError = onError;
    this.#start = this.#now();
  }

  /** Heap entries, stale ones included: at most twice the armed ones plus 1,025. */
  get size(): number {
    return this.#owners.length;
  }

  /**
   * Calls `onDue` for the owner in about `ms` milliseconds; replaces an earlier timer of the owner.
   * @throws the clock's own error; nothing has changed
   */
  arm(owner: Owner, ms: number): void {
    const dueAt = Math.max(0, Math.ceil(this.#now() - this.#start + ms));
    // Set the real timer first: if the clock throws, nothing has changed.
    if (dueAt < this.#timerFor) this.#setTimer(dueAt);
    if (owner.dueAt === -1) this.#armed++;
    owner.dueAt = dueAt;
    if (owner.queuedAt === -1 || owner.queuedAt > dueAt) this.#push(owner, dueAt);
  }

  disarm(owner: Owner): void {
    if (owner.dueAt === -1) return;
    owner.dueAt = -1;
    this.#armed--;
    if (this.#owners.length > 2 * this.#armed + MIN_STALE_ENTRIES) this.#clearOut();
  }

  /** Removes an owner. Stops the real timer after the last one. */
  forget(owner: Owner): void {
    this.disarm(owner);
    if (this.#armed === 0) this.clear();
  }

  /** Disarms every owner, and stops the real timer. */
  clear(): void {
    for (const owner of this.#owners) {
      owner.dueAt = -1;
      owner.queuedAt = -1;
    }
    this.#clearTimer();
    this.#owners.length = 0;
    this.#moments.length = 0;
    this.#armed = 0;
  }

  #now(): number {
    return requireMilliseconds('clock.now()', this.#clock.now());
  }

  /** @param pauseMs minimum delay */
  #setTimer(moment: number, pauseMs = 0): void {
    const ms = Math.max(pauseMs, moment - (this.#now() - this.#start));
    let isSet = false;
    const fire = (): void => {
      // Ignore a clock that calls back synchronously: it would interrupt a call, and recurse for each part of a long delay.
      if (!isSet) queueMicrotask(() => this.#timerFor === moment && this.#attempt(() => this.#run(moment)));
      else if (ms > MAX_TIMER_MS) {
        // The timer has fired: its id may belong to another one by now.
        this.#timerFor = Number.POSITIVE_INFINITY;
        this.#attempt(() => this.#setTimer(moment));
      } else this.#attempt(() => this.#run(moment));
    };
    const timer: unknown = this.#clock.setTimeout(fire, Math.min(ms, MAX_TIMER_MS));
    isSet = true;
    this.#clearTimer();
    this.#timer = timer;
    this.#timerFor = moment;
    onRejection(timer, (error) => {
      // It may never fire.
      if (this.#timer === timer) this.#timerFor = Number.POSITIVE_INFINITY;
      this.#onError(error);
    });
  }

  /** A timer that can't be cleared does no harm when it fires. */
  #clearTimer(): void {
    if (this.#timerFor === Number.POSITIVE_INFINITY) return;
    this.#timerFor = Number.POSITIVE_INFINITY;
    this.#attempt(() => onRejection(this.#clock.clearTimeout(this.#timer), this.#onError));
  }

  /** Does what nobody waits for, so that there is no caller to throw to. */
  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#onError(error);
    }
  }

  /** Handles the entries due by `moment` (the real timer's due time) or by now, whichever is later. */
  #run(moment: number): void {
    this.#timerFor = Number.POSITIVE_INFINITY;
    const by = Math.max(moment, this.#now() - this.#start);
    const began = performance.now();
    for (let steps = 1; ; steps++) {
      const first = this.#moments[0];
      if (first === undefined) return;
      const ranMs = steps % RUN_STEPS === 0 ? performance.now() - began : 0;
      if (first > by || ranMs > MAX_RUN_MS) {
        // A callback may have set an earlier timer. A pause as long as the run leaves half of the time to others, and can't
        // end before Node has served them.
        if (first < this.#timerFor) this.#setTimer(first, ranMs && Math.ceil(ranMs) + 1);
        return;
      }
      const owner = this.#pop();
      if (owner?.queuedAt !== first) continue;
      owner.queuedAt = -1;
      if (owner.dueAt > by) this.#push(owner, owner.dueAt);
      else if (owner.dueAt !== -1) {
        owner.dueAt = -1;
        this.#armed--;
        this.#attempt(() => this.#onDue(owner));
      }
    }
  }

  #clearOut(): void {
    const owners = new Set(this.#owners);
    this.#owners.length = 0;
    this.#moments.length = 0;
    for (const owner of owners) {
      owner.queuedAt = -1;
      if (owner.dueAt !== -1) this.#push(owner, owner.dueAt);
    }
  }

  #push(owner: Owner, moment: number): void {
    owner.queuedAt = moment;
    let index = this.#owners.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const parentMoment = this.#moments[parent] as number;
      if (parentMoment <= moment) break;
      this.#place(index, this.#owners[parent] as Owner, parentMoment);
      index = parent;
    }
    this.#place(index, owner, moment);
  }

  #pop(): Owner | undefined {
    const first = this.#owners[0];
    const owner = this.#owners.pop();
    const moment = this.#moments.pop();
    const length = this.#owners.length;
    if (length === 0 || owner === undefined || moment === undefined) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && (this.#moments[child + 1] as number) < (this.#moments[child] as number))
        child++;
      const childMoment = this.#moments[child] as number;
      if (moment <= childMoment) break;
      this.#place(index, this.#owners[child] as Owner, childMoment);
      index = child;
    }
    this.#place(index, owner, moment);
    return first;
  }

  #place(index: number, owner: Owner, moment: number): void {
    this.#owners[index] = owner;
    this.#moments[index] = moment;
  }
}
