import fc from 'fast-check';
import { checkDoubledKeys } from '../../src/cli/broker/checkDoubledKeys';
import { errorOf } from '../support/errorOf';

const messageFor = async (text: string): Promise<unknown> => {
  JSON.parse(text);
  const error = await errorOf(() => checkDoubledKeys(text));
  return error instanceof Error ? error.message : error;
};
const twice = (field: string, first = 1, second = 1): string =>
  `${field} is a duplicate key, in lines ${first} and ${second}`;

describe('a key that an object of a JSON text has twice', () => {
  it.each<[string, string, string]>([
    ['in one line', '{"a": 1, "a": 2}', twice('a')],
    ['at depth', '{\n"services": [{}, {\n"name": "x",\n"name": "x"}]}', twice('services[1].name', 3, 4)],
    ['written in two ways', '{"a\\u0062": 1,\r\n"ab": 1}', twice('ab', 1, 2)],
    ['with values that are objects', '{"p": {"q": 1}, "p": {"q": 1}}', twice('p')],
    ['of JavaScript’s own', '{"__proto__": 1, "__proto__": 2}', twice('__proto__')],
    ['that is empty', '{"": 1, "": 2}', twice('""')],
    ['three times', '{"a": 1,\n"a": 2,\n"a": 3}', `${twice('a', 1, 2)}\n${twice('a', 1, 3)}`],
  ])('%s is named with its lines', async (_, text, message) => {
    expect(await messageFor(text)).toBe(message);
  });

  it('is in nothing that JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(() => checkDoubledKeys(text)).not.toThrow();
      }),
    );
  });

  it('may be in two objects', async () => {
    expect(await messageFor('{"a": {"a": [{"a": 1}, {"a": 1}]}, "b": {"a": 1}}')).toBeUndefined();
  });

  it('can’t be found in a text that is nested too deeply', async () => {
    expect(await messageFor(`${'['.repeat(500_000)}${']'.repeat(500_000)}`)).toBe('it is nested too deeply');
  });
});
