import fc from 'fast-check';
import { type TimerOwner, WindowTimers } from '../../src/WindowTimers';
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

function start(): {
  timers: WindowTimers<Owner>;
  clock: ManualClock;
  owners: Owner[];
  fired: [number, number][];
} {
  const clock = new ManualClock(0);
  const fired: [number, number][] = [];
  const owners = Array.from({ length: OWNERS }, (_, name) => ({ name, dueAt: -1, queuedAt: -1 }));
  const timers = new WindowTimers<Owner>(clock, ({ name }) => fired.push([name, clock.time]));
  return { timers, clock, owners, fired };
}

describe('WindowTimers', () => {
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

  it('clears out what is out of date, and loses nothing that is armed', () => {
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

  it('lets others in while very many end together, and still ends them all', () => {
    const clock = new ManualClock(0);
    let fired = 0;
    const timers = new WindowTimers<Owner>(clock, () => {
      fired++;
      // As slow as an actor that is told.
      const until = performance.now() + 0.05;
      while (performance.now() < until);
    });
    for (let name = 0; name < 2_000; name++) timers.arm({ name, dueAt: -1, queuedAt: -1 }, 10);
    clock.jump(10);
    clock.fireDue();
    expect(fired).toBeLessThan(2_000);
    while (clock.pending.length > 0) clock.advance(1);
    expect(fired).toBe(2_000);
  });
});
