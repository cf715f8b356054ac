import fc from 'fast-check';
import { ClaimTable } from '../../src/backend/ClaimTable';
import { monotonicNow } from '../../src/net/monotonicNow';
import { isLater, stampOfNow } from '../../src/protocol/stamp';

/** How a client in another language may make a stamp of what its clock says. */
const roundings = fc.constantFrom<(ms: number) => number>(
  (ms) => ms,
  Math.floor,
  Math.round,
  Math.ceil,
  (ms) => Math.floor(ms * 1000) / 1000,
);
/** Milliseconds as a clock of nanoseconds has them, up to three years after the machine's start. */
const times = fc
  .tuple(fc.nat(1e8), fc.nat(999_999_999))
  .map(([seconds, nanoseconds]) => seconds * 1000 + nanoseconds / 1e6);

describe('a stamp', () => {
  it('of ours is whole, and never of the future', () => {
    for (let i = 0; i < 1000; i += 1) {
      const stamp = stampOfNow();
      const now = monotonicNow();
      expect(Number.isInteger(stamp)).toBe(true);
      expect(stamp).toBeLessThanOrEqual(now);
    }
  });

  it('is compared with a clock that has fractions of a millisecond', () => {
    expect(Array.from({ length: 20 }, monotonicNow).some((now) => !Number.isInteger(now))).toBe(true);
  });

  it('is not of the future, however it was rounded', () => {
    fc.assert(
      fc.property(times, roundings, fc.double({ min: 0, max: 2, noNaN: true }), (read, round, passed) => {
        expect(isLater(round(read), read + passed)).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it('of more than a millisecond ahead is of the future', () => {
    fc.assert(
      fc.property(times, fc.double({ min: 1.001, max: 1e12, noNaN: true }), (now, ahead) => {
        expect(isLater(now + ahead, now)).toBe(true);
      }),
    );
  });
});

describe('a claim table with fractional stamps', () => {
  const fraction = fc.double({ min: 0, max: 20, noNaN: true });

  it('grants a fresh stamp, however it was rounded', () => {
    fc.assert(
      fc.property(times, roundings, fc.double({ min: 0, max: 2, noNaN: true }), (read, round, passed) => {
        const table = new ClaimTable({ ttlMs: 60_000, maxClaims: 1, now: () => read + passed });
        expect(table.claim('id', round(read))).toBe('granted');
      }),
    );
  });

  it('grants an id once, and never again when it is old', () => {
    fc.assert(
      fc.property(
        times,
        roundings,
        fc.double({ min: 1, max: 50, noNaN: true }),
        fc.array(fc.record({ id: fc.nat(5), wait: fraction, age: fraction }), { maxLength: 100 }),
        (start, round, ttlMs, calls) => {
          let now = start + 1000;
          const table = new ClaimTable({ ttlMs, maxClaims: 3, now: () => now });
          const stamps = new Map<number, number>();
          const granted = new Set<number>();
          for (const { id, wait, age } of calls) {
            now += wait;
            const stamp = stamps.get(id) ?? round(now - age);
            stamps.set(id, stamp);
            const result = table.claim(String(id), stamp);
            if (granted.has(id)) expect(['claimed', 'expired']).toContain(result);
            if (result === 'granted') granted.add(id);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('has room again when its ids are old', () => {
    fc.assert(
      fc.property(times, fc.double({ min: 1, max: 100_000, noNaN: true }), (start, ttlMs) => {
        let now = start;
        const table = new ClaimTable({ ttlMs, maxClaims: 1, now: () => now });
        expect(table.claim('first', start)).toBe('granted');
        expect(table.claim('second', start)).toBe('busy');
        // A span of stamps goes as one, and a millisecond is allowed for rounding.
        now += ttlMs * (1 + 1 / 64) + 3;
        expect(table.claim('second', now)).toBe('granted');
        expect(table.size).toBe(1);
      }),
    );
  });
});
