import fc from 'fast-check';
import { countCharacters, cutToCharacters } from '../../src/errors/characters';

describe('characters', () => {
  it('are code points, and none is cut in two', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(12), (text, max) => {
        const cut = cutToCharacters(text, max);
        expect(text.startsWith(cut)).toBe(true);
        expect(countCharacters(cut)).toBe(Math.min(max, countCharacters(text)));
        expect(cut).not.toMatch(/\p{Surrogate}/u);
      }),
    );
    expect(countCharacters('a\u{1f600}e\u0301')).toBe(4);
  });
});
