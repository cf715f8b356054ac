import fc from 'fast-check';
import semver, { maxSatisfying, validRange } from 'semver';
import { pickVersion } from '../../src/broker/clients/pickVersion';

const version = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)).map((parts) => parts.join('.'));
const range = fc.oneof(
  version,
  version.map((text) => `^${text}`),
  version.map((text) => `~${text}`),
  version.map((text) => `>=${text}`),
  fc.constantFrom('*', '', '1', '2.x', 'latest', '1.2.3.4', '>'),
);

describe('the version that a client gets', () => {
  it('is the highest offered one in the range that it asks for, whatever was asked before', () => {
    fc.assert(
      fc.property(fc.array(version, { maxLength: 5 }), range, (offered, wanted) => {
        const expected = validRange(wanted) === null ? 'badVersion' : maxSatisfying(offered, wanted);
        // The second time it may be remembered.
        for (let i = 0; i < 2; i += 1) expect(pickVersion(offered, wanted)).toBe(expected ?? undefined);
      }),
    );
  });

  it('depends on the offered versions, however their names could be joined', () => {
    expect(pickVersion(['1.0.0-a', '1.0.0'], '1.0.0')).toBe('1.0.0');
    expect(pickVersion(['1.0.0'], '1.0.0-a')).toBeUndefined();
    expect(pickVersion(['1.1.1', '1.0.0'], '*')).toBe('1.1.1');
    expect(pickVersion(['1.1.11', '.0.0'], '*')).toBe('1.1.11');
    expect(pickVersion([], '*')).toBeUndefined();
  });

  it('parses a range once, unless too many others are requested', () => {
    const reads = jest.spyOn(semver, 'validRange');
    const ask = (wanted: string): number => {
      reads.mockClear();
      pickVersion(['7.0.0'], wanted);
      return reads.mock.calls.length;
    };
    try {
      const ranges = Array.from({ length: 1_000 }, (_, i) => `7.0.0-first.${i}`);
      const reread = (): number => ranges.reduce((sum, wanted) => sum + ask(wanted), 0);
      reread();
      // Of so many, whatever was known before, all but those are forgotten that came after the last clearing.
      expect(ask('7.0.0-first.999')).toBe(0);
      for (let i = 0; i < 1_000; i += 1) ask(`7.0.0-second.${i}`);
      expect(ask('7.0.0-first.999')).toBe(1);
    } finally {
      reads.mockRestore();
    }
  });
});
