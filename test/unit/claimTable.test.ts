import fc from 'fast-check';
import { ClaimTable } from '../../src/backend/ClaimTable';

describe('a claim table', () => {
  it('grants an id once, for any order of stamps and times', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 10 }),
        fc.array(fc.record({ id: fc.nat(30), wait: fc.nat(60) }), { maxLength: 200 }),
        fc.array(fc.nat(200), { minLength: 31, maxLength: 31 }),
        (ttlMs, maxClaims, calls, ages) => {
          let now = 1000;
          const table = new ClaimTable({ ttlMs, maxClaims, now: () => now });
          // An id's stamp never changes, as the protocol wants it.
          const stamps = new Map<number, number>();
          const granted = new Set<number>();
          for (const { id, wait } of calls) {
            now += wait;
            const stamp = stamps.get(id) ?? now - (ages[id] ?? 0);
            stamps.set(id, stamp);
            const result = table.claim(String(id), stamp);
            if (now - stamp > ttlMs) expect(result).toBe('expired');
            else if (granted.has(id)) expect(result).toBe('claimed');
            else expect(['granted', 'busy']).toContain(result);
            if (result === 'granted') granted.add(id);
            if (result === 'busy') {
              const young = [...granted].filter(
                (each) => now - (stamps.get(each) ?? 0) <= ttlMs * (1 + 1 / 64) + 2,
              );
              expect(young.length).toBeGreaterThanOrEqual(maxClaims);
            }
            expect(table.size).toBeLessThanOrEqual(maxClaims);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('refuses future stamps, and old ones from the exact millisecond on', () => {
    const table = new ClaimTable({ ttlMs: 100, maxClaims: 10, now: () => 1000 });
    expect(table.claim('future', 1001.5)).toBe('expired');
    expect(table.claim('old', 899)).toBe('expired');
    expect(table.claim('just', 900)).toBe('granted');
    expect(table.claim('just', 900)).toBe('claimed');
  });

  it('has room again when its ids are old', () => {
    let now = 0;
    const table = new ClaimTable({ ttlMs: 64, maxClaims: 2, now: () => now });
    expect([table.claim('a', 0), table.claim('b', 0), table.claim('c', 0)]).toEqual([
      'granted',
      'granted',
      'busy',
    ]);
    now = 67;
    expect(table.claim('c', 67)).toBe('granted');
    expect(table.size).toBe(1);
  });
});
