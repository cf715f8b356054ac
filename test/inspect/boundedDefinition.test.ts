import { and, createMachine, fromPromise, not } from 'xstate';
import { backendHandoff, backendLifecycle } from '../../machines';
import { definitionText } from '../../src/inspect/messages/definitionText';
import { parseChart } from '../../src/inspect/viewer/chart/parseChart';

const MAX_CHARACTERS = 2_000_000;
const read = (config: object) => JSON.parse(definitionText(config));

/** A chart of two states and one edge, with data at some place. */
const withData = (data: unknown) => ({
  id: 'm',
  initial: 'a',
  context: { data },
  states: {
    a: {
      meta: { data },
      entry: { type: 'log', params: { data } },
      on: { GO: { target: 'b', guard: { type: 'isOk', params: { data } }, meta: { data } } },
      invoke: { src: 'work', input: { data } },
    },
    b: { output: { data } },
  },
});

const circular: Record<string, unknown> = { name: 'circular' };
circular['self'] = circular;
const nodes = Array.from({ length: 9 }, (_, id) => ({ id, others: [] as object[] }));
for (const node of nodes) node.others.push(...nodes);
const deep = () => {
  let last: object = {};
  for (let i = 0; i < 50_000; i++) last = { last };
  return last;
};
const fiber: Record<string, unknown> = { tag: 5 };
fiber['return'] = { child: fiber };
const element = { $$typeof: Symbol.for('react.element'), type: () => null, props: {}, _owner: fiber };

test.each<[string, unknown]>([
  ['a React element', element],
  ['circular data', circular],
  ['9 nodes that all know each other', nodes],
  ['data that is nested deep', deep()],
  ['large data', Array.from({ length: 100 }, () => Array.from({ length: 100 }, () => 'x'.repeat(1_000)))],
  ['a bigint', 12n],
  ['a map', new Map([['a', 1]])],
  [
    'data that throws',
    {
      get bad(): never {
        throw new Error('mine');
      },
    },
  ],
])('%s anywhere in a definition leaves the chart whole', (_, data) => {
  const text = definitionText(withData(data));
  expect(text.length).toBeLessThan(MAX_CHARACTERS);
  const chart = parseChart(text);
  expect([...(chart?.states.keys() ?? [])]).toEqual(['m', 'm.a', 'm.b']);
  expect(
    [...(chart?.transitions.values() ?? [])].map(({ event, guard, targets }) => ({
      event,
      targets,
      guard: guard?.slice(0, 4),
    })),
  ).toEqual([{ event: 'GO', guard: 'isOk', targets: ['m.b'] }]);
});

test('data in a definition has no secrets, names of states and events have no bounds of data', () => {
  const states = Object.fromEntries(
    Array.from({ length: 150 }, (_, i) => [`token${i}`, { on: { password: 'token0' } }]),
  );
  const config = {
    ...{ id: 'm', apiKey: 'hush', initial: 'token0', context: { password: 'hush' }, states },
    invoke: {
      src: 'work',
      input: { token: 'hush' },
      onDone: { target: '.token1', meta: { secret: 'hush' } },
    },
    entry: { type: 'log', params: { cookie: 'hush' } },
    meta: { credentials: 'hush' },
  };
  expect(definitionText(config)).not.toContain('hush');
  expect(read(config).states).toEqual(states);
});

test('states within states and data of every state are bounded in all', () => {
  let nested: object = {};
  for (let i = 0; i < 10_000; i++) nested = { initial: 'a', states: { a: nested } };
  expect(definitionText(nested).length).toBeLessThan(MAX_CHARACTERS);
  const itself: Record<string, unknown> = { id: 'm' };
  itself['states'] = { a: itself };
  expect(read(itself)).toEqual({ id: 'm', states: { a: '[Circular]' } });
  const wide = (meta: unknown, count: number) => ({
    id: 'm',
    states: Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`s${i}`, { meta, on: { GO: 's0' } }]),
    ),
  });
  expect(definitionText(wide({ text: ['x'.repeat(1_000), 'y'.repeat(1_000)] }, 3_000)).length).toBeLessThan(
    MAX_CHARACTERS,
  );
  // The data of states takes no room from the states.
  expect(parseChart(definitionText(wide({ nodes }, 3_000)))?.states.size).toBe(3_001);
  const tooWide = definitionText(wide(undefined, 200_000));
  expect(tooWide.length).toBeLessThan(10 * MAX_CHARACTERS);
  expect(tooWide).toContain('[…]');
});

test('functions are named, and logic that is invoked inline is not shown', () => {
  const machine = createMachine({
    id: 'm',
    initial: 'a',
    states: {
      a: {
        entry: [function greet() {}, { type: 'log', params: () => ({ a: 1 }) }],
        invoke: { src: fromPromise(async () => 1), onDone: 'b' },
        on: { GO: { target: 'b', guard: and(['isOk', not('isLate')]) } },
      },
      b: {},
    },
  });
  expect(read(machine.config).states.a).toEqual({
    entry: [{ type: 'greet' }, { type: 'log', params: { type: 'params' } }],
    invoke: { src: 'inline', onDone: 'b' },
    on: { GO: { target: 'b', guard: { type: 'and(isOk, not(isLate))' } } },
  });
});

test.each([
  ['backendHandoff', backendHandoff],
  ['backendLifecycle', backendLifecycle],
])('the chart %s is sent whole', (_, machine) => {
  const text = definitionText(machine.config);
  expect(text).not.toMatch(/\[…\]|\[circular|\[same as|\[Circular/);
  expect(parseChart(text)?.root.id).toBe(machine.id);
});
