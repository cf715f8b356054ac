import { z } from 'zod';
import { HandoffError } from '../../src/errors/HandoffError';
import { parseInWords } from '../../src/errors/parseInWords';

describe('a value that violates its schema', () => {
  it.each<[z.ZodType, unknown, string]>([
    [z.string(), 5, 'it must be a string, but is 5'],
    [z.number(), 'x', 'it must be a number, but is "x"'],
    [z.int(), 1.5, 'it must be an integer, but is 1.5'],
    [z.boolean(), 1, 'it must be true or false, but is 1'],
    [z.array(z.string()), 'x', 'it must be an array, but is "x"'],
    [z.object({}), 'x', 'it must be an object, but is "x"'],
    [z.record(z.string(), z.string()), 'x', 'it must be an object, but is "x"'],
    [z.array(z.string()).min(1), [], 'it must be an array that is not empty, but is an empty array'],
    [z.string().min(1), '', 'it must be a non-empty string, but is ""'],
    [z.number().min(3), 2, 'it must be a number from 3, but is 2'],
    [z.number().max(3), 4, 'it must be a number up to 3, but is 4'],
    [z.string().max(3), 'long', 'it must be a string of at most 3 characters, but is "long"'],
    [z.enum(['a', 'b']), 'c', 'it must be "a" or "b", but is "c"'],
    [
      z.string().refine(() => false, { params: { expected: 'a path' } }),
      'x',
      'it must be a path, but is "x"',
    ],
    [z.string().refine(() => false), 'x', 'it must be something else, but is "x"'],
    [z.string().regex(/^a$/), 'x', 'it must be something else, but is "x"'],
    [z.object({ a: z.object({ b: z.string() }) }), { a: {} }, 'a.b must be a string, but is left out'],
    [z.array(z.string()), [1], '[0] must be a string, but is 1'],
  ])('is reported, case %#', (schema, value, message) => {
    expect(() => parseInWords(schema, value, 'it')).toThrow(message);
  });

  it('has each unknown key told, with where it is and what is meant', () => {
    const schema = z.strictObject({
      name: z.string(),
      mode: z.strictObject({ path: z.string() }).optional(),
    });
    const told = (value: unknown, separator?: string): string => {
      try {
        parseInWords(schema, value, 'it', separator);
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    };
    const unknown = 'unknown option `nme`; did you mean `name`?';
    expect(told({ name: 'x', nme: 1 })).toBe(unknown);
    expect(told({ name: 'x', zzzz: 1 })).toBe('unknown option `zzzz`; there are name, mode');
    expect(told({ name: 'x', nme: 1, mod: 2 })).toBe(
      `${unknown}\nunknown option \`mod\`; did you mean \`mode\`?`,
    );
    expect(told({ name: 'x', nme: 1, mod: 2 }, '; ')).toBe(
      `${unknown}; unknown option \`mod\`; did you mean \`mode\`?`,
    );
    expect(told({ name: 'x', mode: { path: 'x', paht: 1 } })).toBe(
      'unknown option `mode.paht`; did you mean `path`?',
    );
  });

  it('has its first twenty problems reported', () => {
    const told = (count: number): string => {
      try {
        parseInWords(z.array(z.string()), Array(count).fill(1), 'it', '; ');
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    };
    expect(told(20).split('; ')).toHaveLength(20);
    expect(told(21)).toMatch(/; \[19\] must be a string, but is 1; and 1 more$/);
  });

  it('is accepted if it is valid', () => {
    expect(parseInWords(z.object({ a: z.int() }), { a: 1 }, 'it')).toEqual({ a: 1 });
  });
});

describe('an error at run time', () => {
  it('has a name, a code and a cause', () => {
    const cause = new Error('why');
    expect(new HandoffError('ERR_X', 'what', { cause })).toMatchObject({
      name: 'HandoffError',
      code: 'ERR_X',
      message: 'what',
      cause,
    });
  });
});
