import type { Clock } from '../../src';

/** A clock that moves only when told, with timers that fire only when told. */
export class ManualClock implements Clock {
  time: number;
  wallTime: number;
  readonly #timers = new Map<number, { readonly due: number; readonly fn: () => void }>();
  #nextId = 0;

  constructor(time = 1_000, wallTime = 1_700_000_000_000) {
    this.time = time;
    this.wallTime = wallTime;
  }

  readonly now = (): number => this.time;

  readonly wallNow = (): number => this.wallTime;

  readonly setTimeout = (fn: () => void, ms: number): number => {
    const id = this.#nextId++;
    this.#timers.set(id, { due: this.time + ms, fn });
    return id;
  };

  readonly clearTimeout = (id: unknown): void => {
    this.#timers.delete(id as number);
  };

  /** Moments at which the pending timers are due, soonest first. */
  get pending(): number[] {
    return [...this.#timers.values()].map(({ due }) => due).sort((a, b) => a - b);
  }

  /** Moves time without firing anything, as when the event loop is blocked. */
  jump(ms: number): void {
    this.time += ms;
    this.wallTime += ms;
  }

  /** Fires every timer that is due by now. */
  fireDue(): void {
    for (const [id, { due, fn }] of [...this.#timers]) {
      if (due > this.time || !this.#timers.delete(id)) continue;
      fn();
    }
  }

  /** Moves time, firing each timer at its moment. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (let next = this.pending[0]; next !== undefined && next <= end; next = this.pending[0]) {
      this.jump(Math.max(0, next - this.time));
      this.fireDue();
    }
    this.jump(end - this.time);
  }
}
