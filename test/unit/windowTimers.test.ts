import fc from 'fast-check';
import type { Clock } from '../../src';
import { type TimerOwner, WindowTimers } from '../../src/controller/WindowTimers';
import { ManualClock } from '../support/ManualClock';

interface Owner extends TimerOwner {
  readonly name: number;
}

const OWNERS = 5;
const steps = fc.oneof(
  fc.record({
    op: fc.constant('arm' as const),
    owner: fc.nat(OWNERS - 1),
    ms: fc.integer({ min: 0, max: 300 }),
  }),
  fc.record({ op: fc.constant('disarm' as const), owner: fc.nat(OWNERS - 1) }),
  fc.record({ op: fc.constant('forget' as const), owner: fc.nat(OWNERS - 1) }),
  fc.record({ op: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 200 }) }),
);

function start(
  work: () => void = () => undefined,
  setTimeout?: (fn: () => void, ms: number, clock: ManualClock) => unknown,
): {
  timers: WindowTimers<Owner>;
  clock: ManualClock;
  owners: Owner[];
  fired: [number, number][];
} {
  const clock = new ManualClock(0);
  const fired: [number, number][] = [];
  const owners = Array.from({ length: OWNERS }, (_, name) => ({ name, dueAt: -1, queuedAt: -1 }));
  const { now, clearTimeout } = clock;
  const own: Clock = {
    now,
    clearTimeout,
    setTimeout: setTimeout ? (fn, ms) => setTimeout(fn, ms, clock) : clock.setTimeout,
  };
  const onDue = ({ name }: Owner): void => {
    work();
    fired.push([name, clock.time]);
  };
  const timers = new WindowTimers<Owner>(own, onDue, (error) => {
    throw error;
  });
  return { timers, clock, owners, fired };
}

describe('WindowTimers', () => {
  it('calls many owners in the order of their moments, whatever the order in which they were armed', () => {
    const { timers, clock, fired } = start();
    const many = 100;
    for (let i = 0; i < many; i += 1) {
      const name = (i * 37) % many;
      timers.arm({ name, dueAt: -1, queuedAt: -1 }, name + 1);
    }
    for (let passed = 0; passed < many; passed += 1) clock.advance(1);
    expect(fired).toEqual(Array.from({ length: many }, (_, name) => [name, name + 1]));
  });

  it('calls each owner once, at the moment that was set last, and never one that was disarmed', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 60, size: 'max' }), (run) => {
        const { timers, clock, owners, fired } = start();
        const due = new Map<number, number>();
        const expected: [number, number][] = [];
        for (const step of run) {
          const owner = 'owner' in step ? owners[step.owner] : undefined;
          if (step.op === 'advance') {
            const end = clock.time + step.ms;
            const over = [...due].filter(([, at]) => at <= end).sort(([, a], [, b]) => a - b);
            for (const [name, at] of over) {
              due.delete(name);
              expected.push([name, at]);
            }
            clock.advance(step.ms);
          } else if (owner !== undefined && step.op === 'arm') {
            timers.arm(owner, step.ms);
            due.set(owner.name, clock.time + step.ms);
          } else if (owner !== undefined) {
            if (step.op === 'disarm') timers.disarm(owner);
            else timers.forget(owner);
            due.delete(owner.name);
          }
          const order = (a: [number, number], b: [number, number]): number => a[1] - b[1] || a[0] - b[0];
          expect([...fired].sort(order)).toEqual([...expected].sort(order));
          expect(clock.pending.length).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('removes outdated entries, and loses nothing that is armed', () => {
    const { timers, clock, owners, fired } = start();
    const [kept] = owners;
    if (kept === undefined) throw new Error('no owner');
    timers.arm(kept, 5_000);
    for (let n = 0; n < 10_000; n++) {
      const passing = { name: -1, dueAt: -1, queuedAt: -1 };
      timers.arm(passing, 9_000);
      timers.disarm(passing);
    }
    clock.advance(10_000);
    expect(fired).toEqual([[0, 5_000]]);
    expect(clock.pending).toEqual([]);
  });

  it('yields while very many end together, and still ends them all', () => {
    // As slow as an actor that is told.
    const { timers, clock, fired } = start((until = performance.now() + 0.05) => {
      while (performance.now() < until);
    });
    for (let name = 0; name < 2_000; name++) timers.arm({ name, dueAt: -1, queuedAt: -1 }, 10);
    clock.jump(10);
    clock.fireDue();
    expect(fired.length).toBeLessThan(2_000);
    while (clock.pending.length > 0) clock.advance(1);
    expect(fired).toHaveLength(2_000);
  });

  it('pauses for as long as it ran', () => {
    const { timers, clock } = start((until = performance.now() + 0.5) => {
      while (performance.now() < until);
    });
    for (let name = 0; name < 100; name++) timers.arm({ name, dueAt: -1, queuedAt: -1 }, 10);
    clock.jump(10);
    const began = performance.now();
    clock.fireDue();
    // The clock stands still, so the delay is all pause; the run was longer than its budget of 2 ms.
    const ranMs = Math.min(2, performance.now() - began);
    expect(clock.pending).toHaveLength(1);
    expect((clock.pending[0] ?? 0) - clock.time).toBeGreaterThan(ranMs);
  });

  it('treats a clock that calls back at once like a timer that fires after the call', async () => {
    const month = 31 * 24 * 3_600_000;
    const { timers, owners, fired } = start(undefined, (fn) => {
      fn();
      return 0;
    });
    const [short, long] = owners;
    if (short === undefined || long === undefined) throw new Error('no owner');
    timers.arm(short, 10);
    timers.arm(long, 2 * month);
    expect(fired).toEqual([]);
    await Promise.resolve();
    expect(fired.map(([name]) => name)).toEqual([0]);
    await Promise.resolve();
    expect(fired.map(([name]) => name)).toEqual([0, 1]);
  });

  it('changes nothing if the clock throws', () => {
    let isBroken = false;
    const { timers, clock, owners, fired } = start(undefined, (fn, ms, clock) => {
      if (isBroken) throw new Error('no timers left');
      return clock.setTimeout(fn, ms);
    });
    const [first, second] = owners;
    if (first === undefined || second === undefined) throw new Error('no owner');
    timers.arm(first, 100);
    isBroken = true;
    expect(() => timers.arm(second, 50)).toThrow('no timers left');
    expect(() => timers.arm(first, 20)).toThrow('no timers left');
    isBroken = false;
    expect(clock.pending).toEqual([100]);
    clock.advance(200);
    expect(fired).toEqual([[0, 100]]);
  });
});
