import fc from 'fast-check';
import { requireAnswer } from '../../src/errors/callbackAnswer';
import { cutToCharacters } from '../../src/errors/characters';
import {
  readGiven,
  requireArray,
  requireBoolean,
  requireCount,
  requireFunction,
  requireMilliseconds,
  requireObject,
  requireSpan,
  requireText,
} from '../../src/errors/invalidArgument';
import { meantName, nearestName } from '../../src/errors/nearestName';
import { onRejection } from '../../src/errors/onRejection';
import { readOptions, requireMembers } from '../../src/errors/readOptions';
import { messageOf, showName, showValue } from '../../src/errors/showValue';
import { DEFAULT_BACKLOG } from '../../src/net/defaultBacklog';
import { requireBacklog } from '../../src/net/requireBacklog';

class Thing {
  readonly field = 1;
}
class Odd {}
Object.defineProperty(Odd, 'name', { value: 'o dd' });

const throwing = new Proxy(
  {},
  {
    get: () => {
      throw new Error('no look');
    },
    getPrototypeOf: () => {
      throw new Error('no look');
    },
    ownKeys: () => {
      throw new Error('no look');
    },
  },
);
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

describe('a value in a message', () => {
  it.each<[unknown, string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    [1.5, '1.5'],
    [Number.NaN, 'NaN'],
    [-0, '0'],
    [7n, '7n'],
    [true, 'true'],
    ['', '""'],
    ['a"b\n', '"a\\"b\\n"'],
    ['a\u202eb\u009bc\ufeff', '"a\\u202eb\\u009bc\\ufeff"'],
    ['x'.repeat(80), `"${'x'.repeat(80)}"`],
    ['x'.repeat(81), `"${'x'.repeat(80)}…"`],
    [10n ** 80n, `1${'0'.repeat(79)}…`],
    [() => 1, 'a function'],
    [Symbol(), 'Symbol()'],
    [Symbol('a'), 'Symbol(a)'],
    [Symbol('a b'), 'Symbol("a b")'],
    [[], 'an empty array'],
    [[1, 2], 'an array of 2'],
    [{}, 'an empty object'],
    [Object.create(null), 'an empty object'],
    [Object.assign(Object.create(null), { a: 1 }), 'an object with a'],
    [{ a: 1, 'b c': 2 }, 'an object with a, "b c"'],
    [{ a: 1, b: 2, c: 3, d: 4, e: 5 }, 'an object with a, b, c, d, e'],
    [{ a: 1, b: 2, c: 3, d: 4, e: 5, f: 6 }, 'an object with a, b, c, d, e, …'],
    [new Thing(), 'an instance of Thing'],
    [new Odd(), 'an instance of "o dd"'],
    [new Map(), 'an instance of Map'],
    [Object.create({ a: 1 }), 'an empty object'],
    [
      Object.create({ constructor: { name: 'Object' } }, { b: { value: 1, enumerable: true } }),
      'an object with b',
    ],
    [throwing, 'an object that can\u2019t be looked at'],
    [revoked(), 'an object that can\u2019t be looked at'],
  ])('is shown readably, case %#', (value, shown) => expect(showValue(value)).toBe(shown));

  it.each([
    ['plain_$.-9', 'plain_$.-9'],
    ['a b', '"a b"'],
    [' a', '" a"'],
    ['a ', '"a "'],
    ['', '""'],
    ['x'.repeat(80), 'x'.repeat(80)],
    ['x'.repeat(81), `"${'x'.repeat(80)}…"`],
  ])('that is a name is shown readably, case %#', (name, shown) => expect(showName(name)).toBe(shown));

  it.each<[unknown, string]>([
    [new Error('why'), 'why'],
    [Object.assign(new Error('why'), { message: 7 }), 'an instance of Error'],
    ['text', '"text"'],
    [{ message: 'like one' }, 'an object with message'],
    [undefined, 'undefined'],
    [throwing, 'an object that can\u2019t be looked at'],
  ])('that was thrown says why, case %#', (error, message) => expect(messageOf(error)).toBe(message));
});

describe('the name that was most likely meant', () => {
  const KNOWN = ['path', 'mode', 'socketPath', 'maxConnections', 'maxRelays'];

  it.each([
    ['path', 'path'],
    ['PATH', 'path'],
    ['paht', 'path'],
    ['apth', 'path'],
    ['pat', 'path'],
    ['patth', 'path'],
    ['pith', 'path'],
    ['pits', undefined],
    ['sockPath', 'socketPath'],
    ['maxConections', 'maxConnections'],
    ['maxRelay', 'maxRelays'],
    ['zzz', undefined],
    ['', undefined],
    ['x'.repeat(65), undefined],
  ])('for %p is %p', (name, meant) => expect(nearestName(name, KNOWN)).toBe(meant));

  it.each([
    ['connections', 'maxConnections'],
    ['conn', 'maxConnections'],
    ['con', undefined],
    ['socket', 'socketPath'],
  ])('for a part, %p, is %p', (name, meant) => expect(meantName(name, KNOWN)).toBe(meant));

  it('is the nearest of several, and the first of those that are as near', () => {
    expect(nearestName('abcdef', ['abcdxx', 'abcdex', 'abcdey'])).toBe('abcdex');
    expect(nearestName('abcdef', ['abcdex', 'abcdxx'])).toBe('abcdex');
    // Of the longest name that is looked at.
    const long = 'x'.repeat(63);
    expect(nearestName(`${long}y`, [`${long}z`])).toBe(`${long}z`);
    expect(nearestName(`${long}xy`, [`${long}xz`])).toBeUndefined();
  });

  it('differs by at most a third of the letters, by edit distance', () => {
    // Written down a second time, without a table.
    const distance = (a: string, b: string): number => {
      if (a === '' || b === '') return a.length + b.length;
      const swapped = a.length > 1 && b.length > 1 && a[0] === b[1] && a[1] === b[0];
      return Math.min(
        distance(a.slice(1), b) + 1,
        distance(a, b.slice(1)) + 1,
        distance(a.slice(1), b.slice(1)) + (a[0] === b[0] ? 0 : 1),
        swapped ? distance(a.slice(2), b.slice(2)) + 1 : Number.POSITIVE_INFINITY,
      );
    };
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 });
    fc.assert(
      fc.property(word, word, (name, known) => {
        const isNear = distance(name, known) <= Math.max(name.length, known.length) / 3;
        expect(nearestName(name, [known])).toBe(isNear ? known : undefined);
      }),
      { numRuns: 500 },
    );
  });
});

describe('options', () => {
  const NAMES = { path: true, mode: true } as const;
  const read = (value: unknown, field = 'options') =>
    readOptions<{ path?: unknown; mode?: unknown }>(field, value, NAMES);
  const bad = (key: string) =>
    Object.defineProperty({ path: 1 } as object, key, {
      enumerable: true,
      get: () => {
        throw new Error('no look');
      },
    });

  it('are read once each, and undefined ones are omitted', () => {
    let looks = 0;
    const options = {
      get path() {
        looks += 1;
        return 'p';
      },
      mode: undefined,
      other: undefined,
    };
    expect(read(options)).toEqual({ path: 'p' });
    expect(Object.keys(read({ mode: undefined }))).toEqual([]);
    expect(looks).toBe(1);
    expect(read(Object.assign(Object.create({ inherited: 1 }), { path: 1 }))).toEqual({ path: 1 });
    expect(read({ [Symbol.toStringTag]: 'Module', path: 2 })).toEqual({ path: 2 });
  });

  it.each<[unknown, string, string]>([
    [{ paht: 1 }, 'options', 'unknown option `paht`; did you mean `path`?'],
    [{ zzzz: 1 }, 'options', 'unknown option `zzzz`; there are path, mode'],
    [{ paht: 1 }, 'a[0]', 'unknown option `a[0].paht`; did you mean `path`?'],
    [new Map(), 'options', 'options must be an object with options, but is an instance of Map'],
    [Promise.resolve(), 'options', 'options must be an object with options, but is '],
    [7, 'options', 'options must be an object, but is 7'],
    [bad('mode'), 'options', "mode can't be read: no look"],
    [bad('mode'), 'a[0]', "a[0].mode can't be read: no look"],
    [bad('ot her'), 'options', '"ot her" can\'t be read: no look'],
    [throwing, 'options', "options can't be read: no look"],
  ])('are refused with the problem, case %#', (value, field, message) => {
    expect(() => read(value, field)).toThrow(message);
  });

  it('of a class instance are refused only if they resemble a missing one', () => {
    const check = (value: unknown) =>
      requireMembers<{ now?: unknown; later?: unknown }>('clock', value, { now: true, later: true });
    const clock = { now: 1, more: 2 };
    expect(check(clock)).toBe(clock);
    expect(() => check({ latter: 1 })).toThrow('unknown option `clock.latter`; did you mean `later`?');
    // It isn't missing.
    expect(check({ later: 1, latter: 1 })).toEqual({ later: 1, latter: 1 });
    expect(() => check(throwing)).toThrow("clock can't be read: no look");
  });

  it('are no unhandled rejection where a getter makes a promise each time', async () => {
    const unhandled = jest.fn();
    process.on('unhandledRejection', unhandled);
    try {
      const given = Object.defineProperty({}, 'now', {
        enumerable: true,
        get: () => Promise.reject(new Error('later')),
      });
      requireMembers<{ now?: unknown }>('clock', given, { now: true });
      for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).not.toHaveBeenCalled();
    } finally {
      process.off('unhandledRejection', unhandled);
    }
  });
});

describe('what a callback answers', () => {
  const isOne = (value: unknown): value is 1 => value === 1;

  it('is returned, or refused by name', () => {
    expect(requireAnswer('choose', 1, isOne, 'a one')).toBe(1);
    expect(() => requireAnswer('choose', 2, isOne, 'a one')).toThrow(
      'the answer of choose must be a one, and no promise of it, but is 2',
    );
  });

  it('is no unhandled rejection if it was a promise', async () => {
    const unhandled = jest.fn();
    process.on('unhandledRejection', unhandled);
    try {
      expect(() => requireAnswer('choose', Promise.reject(new Error('later')), isOne, 'a one')).toThrow(
        'the answer of choose',
      );
      for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).not.toHaveBeenCalled();
    } finally {
      process.off('unhandledRejection', unhandled);
    }
  });

  it('passes on a rejection of any thenable', async () => {
    const causes: unknown[] = [];
    const tell = (cause: unknown): void => void causes.push(cause);
    const thenable = (descriptor: PropertyDescriptor): object =>
      Object.defineProperty(() => {}, 'then', descriptor);
    onRejection(Promise.reject(new Error('a promise')), tell);
    const reject = (_: unknown, fail: (cause: unknown) => void): void => fail(new Error('a thenable'));
    onRejection(thenable({ value: reject }), tell);
    const get = (): never => {
      throw new Error('a getter');
    };
    onRejection(thenable({ get }), tell);
    for (const value of [undefined, null, 7, 'text', {}, Promise.resolve(1)]) onRejection(value, tell);
    for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(causes.map((cause) => (cause as Error).message).sort()).toEqual([
      'a getter',
      'a promise',
      'a thenable',
    ]);
  });
});

describe('a bad argument', () => {
  it.each<[() => unknown, string, string]>([
    [
      () => requireMilliseconds('ms', '1'),
      'ERR_INVALID_ARG_TYPE',
      'ms must be a number of milliseconds, but is "1"',
    ],
    [
      () => requireMilliseconds('ms', -1),
      'ERR_OUT_OF_RANGE',
      'ms must be finite milliseconds from 0, but is -1',
    ],
    [
      () => requireSpan('ms', '1', 1, 2),
      'ERR_INVALID_ARG_TYPE',
      'ms must be a number of milliseconds, but is "1"',
    ],
    [
      () => requireSpan('ms', 0.9, 1, 2),
      'ERR_OUT_OF_RANGE',
      'ms must be milliseconds from 1 to 2, but is 0.9',
    ],
    [
      () => requireSpan('ms', 2.1, 1, 2),
      'ERR_OUT_OF_RANGE',
      'ms must be milliseconds from 1 to 2, but is 2.1',
    ],
    [() => requireSpan('ms', Number.NaN, 1, 2), 'ERR_OUT_OF_RANGE', 'but is NaN'],
    [() => requireCount('n', '1'), 'ERR_INVALID_ARG_TYPE', 'n must be a number, but is "1"'],
    [() => requireCount('n', -1), 'ERR_OUT_OF_RANGE', 'n must be an integer from 0, but is -1'],
    [() => requireCount('n', 1, 2), 'ERR_OUT_OF_RANGE', 'n must be an integer from 2, but is 1'],
    [() => requireCount('n', 1.5), 'ERR_OUT_OF_RANGE', 'but is 1.5'],
    [() => requireBoolean('b', 1), 'ERR_INVALID_ARG_TYPE', 'b must be a boolean, but is 1'],
    [() => requireFunction('f', 1), 'ERR_INVALID_ARG_TYPE', 'f must be a function, but is 1'],
    [() => requireText('t', 1, 1, 2), 'ERR_INVALID_ARG_TYPE', 't must be a string, but is 1'],
    [
      () => requireText('t', '', 1, 2),
      'ERR_OUT_OF_RANGE',
      't must be a string of 1 to 2 characters, but is ""',
    ],
    [
      () => requireText('t', 'abc', 1, 2),
      'ERR_OUT_OF_RANGE',
      't must be a string of 1 to 2 characters, but is "abc"',
    ],
    [() => requireText('t', '😀😀😀', 1, 2), 'ERR_OUT_OF_RANGE', 't must be a string of 1 to 2 characters'],
    [() => requireText('t', 'abcdefg', 1, 2), 'ERR_OUT_OF_RANGE', 't must be a string of 1 to 2 characters'],
    [
      () => requireText('t', '', 1, Number.POSITIVE_INFINITY),
      'ERR_OUT_OF_RANGE',
      't must be a non-empty string',
    ],
    [() => requireArray('a', {}), 'ERR_INVALID_ARG_TYPE', 'a must be an array, but is an empty object'],
    [
      () => requireArray('a', new Array(100_001)),
      'ERR_OUT_OF_RANGE',
      'a must be an array of at most 100000, but is an array of 100001',
    ],
    [() => requireArray('a', revoked()), 'ERR_INVALID_ARG_TYPE', 'a must be an array'],
    [() => requireObject('o', []), 'ERR_INVALID_ARG_TYPE', 'o must be an object, but is an empty array'],
    [() => requireObject('o', null), 'ERR_INVALID_ARG_TYPE', 'o must be an object, but is null'],
  ])('is refused with its name and value, case %#', (call, code, message) => {
    expect(call).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
  });

  it('that cannot be read is reported with the thrown value', () => {
    const cause = new Error('no look');
    const read = (): unknown =>
      readGiven('field', () => {
        throw cause;
      });
    expect(read).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', cause }));
    expect(readGiven('field', () => 7)).toBe(7);
  });

  it('as a backlog is an integer from 1 to 65,535', () => {
    expect([requireBacklog(1), requireBacklog(65_535), DEFAULT_BACKLOG]).toEqual([1, 65_535, 4_096]);
    for (const value of [0, 65_536]) {
      expect(() => requireBacklog(value)).toThrow(/^backlog must be an integer from 1/);
    }
    expect(() => requireBacklog(65_536)).toThrow('an integer from 1 to 65535, but is 65536');
    expect(() => requireBacklog('1')).toThrow('backlog must be a number');
  });

  it('is accepted at its bounds', () => {
    expect([requireMilliseconds('m', 0), requireSpan('s', 1, 1, 2), requireSpan('s', 2, 1, 2)]).toEqual([
      0, 1, 2,
    ]);
    expect([requireCount('n', 0), requireCount('n', 2, 2)]).toEqual([0, 2]);
    expect([requireBoolean('b', false), requireText('t', 'a', 1, 2), requireText('t', 'ab', 1, 2)]).toEqual([
      false,
      'a',
      'ab',
    ]);
    // Two characters of two units each.
    expect(requireText('t', '😀😀', 1, 2)).toBe('😀😀');
    expect(requireFunction('f', undefined)).toBeUndefined();
    expect(requireArray('a', Object.assign(new Array(3), { 0: 1, 2: 2 }))).toEqual([1, undefined, 2]);
    expect(requireArray('a', new Array(100_000))).toHaveLength(100_000);
    const object = revoked();
    expect(requireObject('o', object)).toBe(object);
  });

  it('is cut between characters', () => {
    expect([cutToCharacters('ab', 2), cutToCharacters('abc', 2), cutToCharacters('😀😀😀', 2)]).toEqual([
      'ab',
      'ab',
      '😀😀',
    ]);
  });
});
