import fc from 'fast-check';
import { ClaimTable } from '../../src/backend/ClaimTable';

const ttl = fc.integer({ min: 1, max: 2_000 });
const moment = fc.integer({ min: 0, max: 1_000_000 });

describe('the claims of a backend over time', () => {
  it('keep an id as long as its stamp is accepted, to the millisecond', () => {
    fc.assert(
      fc.property(ttl, moment, (ttlMs, stamp) => {
        let now = stamp;
        const table = new ClaimTable({ ttlMs, maxClaims: 10, now: () => now });
        expect(table.claim('one', stamp)).toBe('granted');
        now = stamp + ttlMs;
        // Whoever comes has old ids dropped.
        expect(table.claim('another', now)).toBe('granted');
        expect(table.claim('one', stamp)).toBe('claimed');
      }),
    );
  });

  it('are removed soon after that', () => {
    fc.assert(
      fc.property(ttl, moment, (ttlMs, stamp) => {
        let now = stamp;
        const table = new ClaimTable({ ttlMs, maxClaims: 1, now: () => now });
        table.claim('one', stamp);
        now = stamp + ttlMs + Math.ceil(Math.max(1, ttlMs / 64)) + 2;
        expect(table.claim('another', now)).toBe('granted');
        expect(table.size).toBe(1);
      }),
    );
  });

  it('keep an id that returns with a later stamp after its earlier one was dropped', () => {
    fc.assert(
      fc.property(ttl, moment, (ttlMs, stamp) => {
        let now = stamp;
        const table = new ClaimTable({ ttlMs, maxClaims: 10, now: () => now });
        table.claim('again', stamp);
        now = stamp + 2 * ttlMs + 2;
        table.claim('another', now);
        expect(table.claim('again', now)).toBe('granted');
        table.claim('one more', now);
        expect(table.claim('again', now)).toBe('claimed');
      }),
    );
  });
});
