import fc from 'fast-check';
import type { Clock } from '../../src';
import { type TimerOwner, WindowTimers } from '../../src/controller/WindowTimers';
import { ManualClock } from '../support/ManualClock';

const MAX_STALE = 1_024;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Owner extends TimerOwner {
  readonly name: number;
}

/** Timers on a clock that takes nothing but what it gave, and gives no more than a platform's can hold. */
function start() {
  const clock = new ManualClock(0);
  const live = new Set<unknown>();
  let sets = 0;
  const strict: Clock = {
    now: clock.now,
    setTimeout: (fn, ms) => {
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThanOrEqual(LONGEST_TIMER_MS);
      sets += 1;
      const id = clock.setTimeout(() => {
        live.delete(id);
        fn();
      }, ms);
      live.add(id);
      return id;
    },
    clearTimeout: (id) => {
      if (!live.delete(id)) throw new Error('not a timer of this clock');
      clock.clearTimeout(id);
    },
  };
  const fired: [number, number][] = [];
  const onDue = ({ name }: Owner): void => void fired.push([name, clock.time]);
  const timers = new WindowTimers<Owner>(strict, onDue, (error) => {
    throw error;
  });
  const create = (name: number): Owner => ({ name, dueAt: -1, queuedAt: -1 });
  return { clock, timers, fired, create, sets: () => sets };
}

describe('the ends of many windows', () => {
  it('are all reported after very many others were removed before them', () => {
    const { clock, timers, fired, create } = start();
    const owners = Array.from({ length: 3_000 }, (_, name) => create(name));
    for (const owner of owners) timers.arm(owner, 10 + owner.name);
    for (const owner of owners.slice(0, 2_900)) timers.disarm(owner);
    expect(timers.size).toBeLessThanOrEqual(2 * 100 + MAX_STALE);
    while (clock.pending.length > 0) clock.advance((clock.pending[0] ?? 0) - clock.time);
    expect(fired).toEqual(owners.slice(2_900).map(({ name }) => [name, 10 + name]));
    expect(timers.size).toBe(0);
  });

  it('take no more entries than their bound, whatever is armed and disarmed', () => {
    const step = fc.record({ name: fc.nat(99), arms: fc.boolean(), ms: fc.integer({ min: 1, max: 10_000 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 50, maxLength: 100, size: 'max' }), (steps) => {
        const { timers, create } = start();
        const owners = Array.from({ length: 100 }, (_, name) => create(name));
        for (let round = 0; round < 10; round += 1) {
          for (const { name, arms, ms } of steps) {
            const owner = owners[name] as Owner;
            if (arms) timers.arm(owner, ms - round);
            else timers.disarm(owner);
            const armed = owners.filter(({ dueAt }) => dueAt !== -1).length;
            expect(timers.size).toBeLessThanOrEqual(2 * armed + MAX_STALE + 1);
          }
        }
      }),
      { numRuns: 5 },
    );
  });

  it('are removed beyond their bound, and not before', () => {
    const { timers, create } = start();
    timers.arm(create(-1), 1);
    const pass = (name: number): void => {
      const owner = create(name);
      timers.arm(owner, 5_000);
      timers.disarm(owner);
    };
    for (let name = 0; name < MAX_STALE + 1; name += 1) pass(name);
    expect(timers.size).toBe(2 + MAX_STALE);
    pass(0);
    expect(timers.size).toBe(1);
  });

  it('take one entry for each owner, however often it is armed for a later moment', () => {
    const { clock, timers, fired, create } = start();
    const owner = create(0);
    for (let ms = 1; ms <= 1_000; ms += 1) timers.arm(owner, ms);
    expect(timers.size).toBe(1);
    clock.advance(999);
    expect(fired).toEqual([]);
    clock.advance(1);
    expect(fired).toEqual([[0, 1_000]]);
  });

  it('set no other timer for a moment that one runs for already', () => {
    const { timers, create, sets } = start();
    for (let name = 0; name < 10; name += 1) timers.arm(create(name), 100);
    expect(sets()).toBe(1);
    timers.arm(create(10), 99);
    expect(sets()).toBe(2);
  });

  it('never come before a fractional moment', () => {
    const { clock, timers, fired, create } = start();
    timers.arm(create(0), 10.25);
    clock.advance(10);
    expect(fired).toEqual([]);
    clock.advance(1);
    expect(fired).toEqual([[0, 11]]);
  });

  it.each([LONGEST_TIMER_MS, LONGEST_TIMER_MS + 1, 2.5 * LONGEST_TIMER_MS])(
    'come after %p ms, however many timers that takes',
    (ms) => {
      const { clock, timers, fired, create } = start();
      timers.arm(create(0), ms);
      clock.advance(ms - 1);
      expect(fired).toEqual([]);
      clock.advance(2);
      expect(fired).toHaveLength(1);
    },
  );
});

describe('a removed owner', () => {
  it('comes when it is armed again, for a later moment than before', () => {
    const { clock, timers, fired, create } = start();
    const owner = create(0);
    timers.arm(create(-1), 20_000);
    timers.arm(owner, 5_000);
    timers.disarm(owner);
    for (let name = 1; name <= 2 * MAX_STALE; name += 1) {
      const passing = create(name);
      timers.arm(passing, 9_000);
      timers.disarm(passing);
    }
    timers.arm(owner, 6_000);
    clock.advance(10_000);
    expect(fired).toEqual([[0, 6_000]]);
  });
});

describe('timers that are cleared', () => {
  it('fire in their order afterwards, however many there were', () => {
    const { clock, timers, fired, create } = start();
    for (let name = 0; name < 9; name += 1) timers.arm(create(name), 1 + name);
    timers.clear();
    for (const ms of [50, 30, 40, 20]) timers.arm(create(ms), ms);
    clock.advance(100);
    expect(fired).toEqual([20, 30, 40, 50].map((ms) => [ms, ms]));
  });

  it('come at once if nothing is left', () => {
    const { clock, timers, fired, create } = start();
    timers.arm(create(0), -5);
    expect(clock.pending).toEqual([0]);
    clock.advance(0);
    expect(fired).toEqual([[0, 0]]);
  });

  it('start over with nothing kept', () => {
    const { clock, timers, fired, create } = start();
    const [a, b, c] = [create(0), create(1), create(2)];
    for (const owner of [a, b, c]) timers.arm(owner, 100 + owner.name);
    timers.clear();
    expect(timers.size).toBe(0);
    expect(clock.pending).toEqual([]);
    timers.clear();
    timers.arm(a, 300);
    timers.arm(b, 200);
    timers.forget(a);
    // One is left, and its timer with it.
    expect(clock.pending).toHaveLength(1);
    clock.advance(1_000);
    expect(fired).toEqual([[1, 200]]);
    timers.arm(c, 50);
    timers.forget(c);
    expect(clock.pending).toEqual([]);
    expect(timers.size).toBe(0);
  });

  it('leave no real timer when the last owner is forgotten, though others ended before', () => {
    const { clock, timers, fired, create } = start();
    const [a, b] = [create(0), create(1)];
    timers.arm(a, 10);
    clock.advance(10);
    timers.arm(b, 10);
    timers.forget(b);
    expect(clock.pending).toEqual([]);
    clock.advance(100);
    expect(fired).toEqual([[0, 10]]);
  });
});
