import { createActor, createMachine } from 'xstate';
import { plainSnapshot } from '../../src/inspect/messages/plainSnapshot';
import { redact } from '../../src/inspect/messages/redact';

const MAX_CHARACTERS = 300_000;
const sizeOf = (value: unknown): number => JSON.stringify(value).length;

class User {
  readonly #hidden = 1;
  constructor(
    readonly name: string,
    readonly password = 'hush',
  ) {}
  get hidden(): number {
    return this.#hidden;
  }
}
class Empty {}
class ValidationError extends Error {
  readonly field = 'age';
}

describe('data of the inspected app is readable', () => {
  test.each<[string, unknown, unknown]>([
    ['a map', new Map([['a', 1]]), { 'Map(1)': { a: 1 } }],
    ['a map by numbers', new Map([[7, new Map()]]), { 'Map(1)': { '0: 7': { 'Map(0)': {} } } }],
    ['a map by objects', new Map([[{ x: 1, y: {} }, 'here']]), { 'Map(1)': { '0: {x: 1, y: …}': 'here' } }],
    ['a map with a secret', new Map([['password', 'hush']]), { 'Map(1)': { password: '[redacted]' } }],
    ['a set', new Set([1, 'b']), { 'Set(2)': [1, 'b'] }],
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['a date that is none', new Date(Number.NaN), 'Invalid Date'],
    ['a bigint', 12n, '12n'],
    ['a huge bigint', 1n << 5_000n, '[bigint of more than 4096 bits]'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['a function', function work() {}, '[function work]'],
    ['a function without a name', (() => () => {})(), '[function]'],
    ['a class', User, '[function User]'],
    ['an instance', new User('Ann'), { User: { name: 'Ann', password: '[redacted]' } }],
    ['an instance without fields', new Empty(), '[Empty]'],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ['an object made from another one', Object.assign(Object.create({ b: 1 }), { a: 1 }), { a: 1 }],
    ['an error', new TypeError('no'), { name: 'TypeError', message: 'no' }],
    [
      'an error with a cause and fields',
      Object.assign(new ValidationError('too young', { cause: new RangeError('age') })),
      {
        ...{ name: 'ValidationError', message: 'too young', field: 'age' },
        cause: { name: 'RangeError', message: 'age' },
      },
    ],
    [
      'errors of several',
      new AggregateError([new Error('a')], 'all failed'),
      { name: 'AggregateError', message: 'all failed', errors: [{ name: 'Error', message: 'a' }] },
    ],
    ['an address', new URL('http://127.0.0.1/x'), 'http://127.0.0.1/x'],
    ['a pattern', /a+/g, '/a+/g'],
    ['a promise', Promise.resolve(1), '[Promise]'],
    ['a weak map', new WeakMap(), '[WeakMap]'],
    ['bytes', new Uint8Array(3), '[3 bytes]'],
    ['a buffer of bytes', new ArrayBuffer(4), '[4 bytes]'],
    ['no number', [Number.NaN, Number.NEGATIVE_INFINITY, -0], ['NaN', '-Infinity', -0]],
    ['what is not there', { a: undefined, b: null }, { a: undefined, b: null }],
  ])('%s', (_, value, shown) => {
    expect(redact({ value })).toEqual({ value: shown });
    expect(() => JSON.stringify(redact(value))).not.toThrow();
  });

  test('a field that cannot be read costs that field alone', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const value = {
      a: 1,
      get bad(): never {
        throw new Error('mine');
      },
      proxy,
      z: 2,
    };
    expect(redact(value)).toEqual({ a: 1, bad: '[unreadable]', proxy: '[unreadable]', z: 2 });
  });

  test('a field called __proto__ is a field', () => {
    const copy = redact(JSON.parse('{"__proto__":{"status":"done"}}')) as { readonly status?: string };
    expect(copy.status).toBeUndefined();
    expect(JSON.stringify(copy)).toBe('{"__proto__":{"status":"done"}}');
  });

  test('an actor, a snapshot and a machine in data do not bring their whole system', () => {
    const machine = createMachine({ id: 'm', initial: 'a', context: { n: 1 }, states: { a: { tags: 't' } } });
    const actor = createActor(machine, { id: 'me' });
    expect(redact({ actor, machine, node: machine.root, snapshot: actor.getSnapshot() })).toMatchObject({
      actor: { actor: 'me' },
      machine: '[machine m]',
      node: '#m',
      snapshot: { status: 'active', value: 'a', context: { n: 1 }, tags: ['t'] },
    });
  });

  test('what a history state remembers is named by the ids of the states', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: {
          initial: 'x',
          states: { x: { on: { Y: 'y' } }, y: {}, h: { type: 'history' } },
          on: { OUT: 'b' },
        },
        b: {},
      },
    });
    const actor = createActor(machine).start();
    actor.send({ type: 'Y' });
    actor.send({ type: 'OUT' });
    const shown = { 'm.a.h': ['#m.a.y'] };
    expect(plainSnapshot(actor.getSnapshot())?.['historyValue']).toEqual(shown);
    expect(plainSnapshot(JSON.parse(JSON.stringify(actor.getSnapshot())))?.['historyValue']).toEqual(shown);
  });
});

describe('linked data is shown once, and is bounded in all', () => {
  const dense = (count: number): object[] => {
    const nodes = Array.from({ length: count }, (_, id) => ({ id, others: [] as object[] }));
    for (const node of nodes) node.others.push(...nodes);
    return nodes;
  };
  const chain = (length: number): object => {
    let last: object = { end: true };
    for (let i = 0; i < length; i++) last = { last };
    return last;
  };
  /** Each level refers to the next one twice: 2 ** levels paths. */
  const diamonds = (levels: number): object => {
    let last: object = { end: { of: 'it' } };
    for (let i = 0; i < levels; i++) last = { left: last, right: last };
    return last;
  };

  test('an object within itself is named', () => {
    const ann: Record<string, unknown> = { name: 'Ann' };
    ann['self'] = ann;
    ann['friends'] = [{ name: 'Bob', friends: [ann] }];
    expect(redact(ann)).toEqual({
      name: 'Ann',
      self: '[circular: the whole]',
      friends: [{ name: 'Bob', friends: ['[circular: the whole]'] }],
    });
    expect(plainSnapshot({ status: 'active', context: { ann } })?.context).toMatchObject({
      ann: { self: '[circular: context.ann]' },
    });
  });

  test('an object at a second place is named there, a small one shown again', () => {
    const team = { name: 'red', members: [{ name: 'Ann' }] };
    const place = { x: 1, y: 2 };
    expect(redact({ a: { team, place }, b: { team, place } })).toEqual({
      a: { team, place },
      b: { team: '[same as a.team]', place },
    });
  });

  test('9 nodes that all know each other are 9 nodes', () => {
    const shown = redact({ nodes: dense(9), after: 'it' }) as { readonly nodes: readonly object[] };
    expect(shown.nodes.map((node) => ('id' in node ? node.id : node))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(shown).toMatchObject({ after: 'it' });
    expect(sizeOf(shown)).toBeLessThan(5_000);
  });

  test.each<[string, () => unknown]>([
    ['90 nodes that all know each other', () => dense(90)],
    [
      'maps and sets that hold each other',
      () => {
        const map = new Map<unknown, unknown>();
        const set = new Set<unknown>([map]);
        return map.set('set', set).set(set, map).set('self', map);
      },
    ],
    ['2 ** 40 paths', () => diamonds(40)],
    ['a chain of 100,000', () => chain(100_000)],
    [
      '100 lists of 100 lists of 100 texts',
      () => {
        const list = (make: () => unknown) => Array.from({ length: 100 }, make);
        const text = 'x'.repeat(2_000);
        return list(() => list(() => list(() => text)));
      },
    ],
    ['a million items', () => Array.from({ length: 1_000_000 }, () => ({}))],
    ['a million entries', () => new Map(Array.from({ length: 1_000_000 }, (_, i) => [`k${i}`, {}]))],
    ['a text of 100 million', () => 'x'.repeat(100_000_000)],
    [
      'an object that grows while it is read',
      () => {
        const grow = (): object => Object.defineProperty({}, 'more', { get: grow, enumerable: true });
        return { grown: grow() };
      },
    ],
    ['a list that claims to be longer than memory', () => Object.assign([], { length: 2 ** 32 - 1 })],
    [
      'a React element',
      () => {
        const fiber: Record<string, unknown> = { tag: 5, stateNode: {}, memoizedProps: {} };
        fiber['return'] = { child: fiber, alternate: fiber };
        return {
          $$typeof: Symbol.for('react.element'),
          type: () => null,
          props: { children: [fiber] },
          _owner: fiber,
        };
      },
    ],
  ])('%s', (_, make) => {
    const data = make();
    const shown = plainSnapshot({ status: 'active', value: 'a', context: { data, last: 'field' } });
    expect(sizeOf(shown)).toBeLessThan(MAX_CHARACTERS);
    expect(shown).toMatchObject({ status: 'active', value: 'a', context: { last: 'field' } });
  });

  test('what is left out is told', () => {
    const many = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`k${i}`, i]));
    expect(redact(many)).toMatchObject({ k99: 99, '…': '20 more' });
    expect(redact(Array.from({ length: 103 }, (_, i) => i))).toHaveLength(101);
    expect(redact(new Set(Object.keys(many)))).toMatchObject({ 'Set(120)': { 100: '… 20 more' } });
    expect(JSON.stringify(redact(chain(1_000)))).toContain('"last":"[…]"');
    const wide = Array.from({ length: 100 }, () => Array.from({ length: 100 }, () => 'x'.repeat(1_000)));
    expect(JSON.stringify(redact(wide))).toContain('[…]');
  });

  test('many references to one large object cost one reading of it', () => {
    let readings = 0;
    const large = new Proxy(Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`k${i}`, {}])), {
      ownKeys: (target) => {
        readings++;
        return Reflect.ownKeys(target);
      },
    });
    redact(Array.from({ length: 100 }, () => Array.from({ length: 100 }, () => large)));
    expect(readings).toBe(1);
  });
});
