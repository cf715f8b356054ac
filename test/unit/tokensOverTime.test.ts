import fc from 'fast-check';
import { TransferTokens } from '../../src/broker/transfers/TransferTokens';

describe('the tokens of transfers over time', () => {
  it('are found until they expire, and forgotten before many more are issued', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 16, max: 500 }),
        fc.array(fc.record({ wait: fc.integer({ min: 0, max: 40 }), looksFor: fc.option(fc.nat(100)) }), {
          minLength: 1,
          maxLength: 100,
        }),
        (maxAgeMs, calls) => {
          let now = 0;
          const tokens = new TransferTokens<number>({ now: () => now, maxAgeMs, maxTokens: 1_000 });
          const issuedAt: number[] = [];
          for (const { wait, looksFor } of calls) {
            now += wait;
            const number = issuedAt.push(now) - 1;
            expect(tokens.issue(`${number}`, number)).toEqual({
              owner: number,
              issuedAt: now,
              isAnswered: false,
            });
            // Old ones are looked for 16 times while one grows old.
            const kept = issuedAt.filter((at) => now - at < maxAgeMs * (1 + 1 / 16)).length;
            expect(tokens.size).toBeLessThanOrEqual(kept);
            if (looksFor === null || looksFor > number) continue;
            const isYoung = now - (issuedAt[looksFor] ?? 0) < maxAgeMs;
            expect(tokens.find(`${looksFor}`)?.owner).toBe(isYoung ? looksFor : undefined);
          }
        },
      ),
    );
  });

  it('are removed oldest first if there are too many, some at a time', () => {
    const tokens = new TransferTokens<number>({ now: () => 0, maxTokens: 640 });
    for (let i = 0; i < 640; i += 1) tokens.issue(`${i}`, i);
    tokens.find('0');
    expect(tokens.size).toBe(640);
    tokens.issue('640', 640);
    // A sixty-fourth of them, and the one that took the place.
    expect(tokens.size).toBe(640 - 10);
    expect(tokens.find('10')).toBeUndefined();
    expect(tokens.find('11')).toMatchObject({ owner: 11 });
  });

  it('are rarely searched for expired ones, however many are issued', () => {
    let looks = 0;
    const tokens = new TransferTokens<number>({
      now: () => {
        looks += 1;
        return 0;
      },
      maxTokens: 10_000,
    });
    for (let i = 0; i < 5_000; i += 1) tokens.issue(`${i}`, i);
    expect(looks).toBeLessThan(5_100);
  });

  it('are digested once each, when something is searched', () => {
    const tokens = new TransferTokens<number>({ now: () => 0 });
    tokens.issue('a', 1);
    expect(tokens.find('a')).toBe(tokens.find('a'));
    expect(tokens.size).toBe(1);
  });

  it('are remembered for twice the longest deadline, 4,096 of them', () => {
    let now = 0;
    const tokens = new TransferTokens<number>({ now: () => now });
    tokens.issue('a', 1);
    now = 119_999;
    expect(tokens.find('a')).toBeDefined();
    now = 120_000;
    expect(tokens.find('a')).toBeUndefined();
    for (let i = 0; i < 4_097; i += 1) tokens.issue(`${i}`, i);
    expect(tokens.find('0')).toBeUndefined();
    expect(tokens.size).toBeLessThan(4_096);
  });

  it('are searched at exactly the right time', () => {
    let now = 0;
    const tokens = new TransferTokens<number>({ now: () => now, maxAgeMs: 160 });
    for (const at of [0, 10, 160]) {
      now = at;
      tokens.issue(`${at}`, at);
    }
    expect(tokens.size).toBe(2);
    now = 170;
    tokens.issue('170', 170);
    expect(tokens.size).toBe(2);
  });
});
