import { and, createActor, createMachine, setup } from 'xstate';
import { definitionText } from '../../src/inspect/messages/definitionText';
import { plainSnapshot } from '../../src/inspect/messages/plainSnapshot';
import { redact } from '../../src/inspect/messages/redact';
import { inspectedEvent } from '../../src/inspect/relay/inspectedEvent';
import { configurationOf } from '../../src/inspect/viewer/chart/configurationOf';
import { parseChart } from '../../src/inspect/viewer/chart/parseChart';

function throwing(): never {
  throw new Error('mine');
}

describe('what an app throws when it is read', () => {
  it.each<[string, unknown]>([
    ['an item', Object.defineProperty([1], 0, { get: throwing, enumerable: true })],
    ['a key of a map', new Map([[Object.defineProperty({}, 'x', { get: throwing, enumerable: true }), 1]])],
    ['a proxy', new Proxy({ x: 1 }, { getOwnPropertyDescriptor: throwing, ownKeys: () => ['x'] })],
  ])('costs itself alone: %s', (_, value) => {
    expect(redact({ value, beside: 1 })).toMatchObject({ beside: 1 });
    expect(plainSnapshot({ status: 'active', value: 'on', context: { value } })).toMatchObject({
      status: 'active',
      value: 'on',
    });
  });
});

describe('secrets', () => {
  it('are not shown in the keys of maps', () => {
    const text = JSON.stringify(redact(new Map([[{ token: 's3cret', name: 'x' }, 1]])));
    expect(text).not.toContain('s3cret');
    expect(text).toContain('name: x');
  });

  it('are not shown in the parts of guards, and no value loses the chart', () => {
    const machine = setup({
      types: { events: {} as { type: 'go' } },
      guards: { has: (_, _params: { token: string; n: bigint }) => true },
    }).createMachine({
      on: { go: { guard: and([{ type: 'has', params: { token: 's3cret', n: 1n } }]), actions: [] } },
    });
    const text = definitionText({ states: {}, ...machine.config });
    expect(text).not.toContain('s3cret');
    expect(text).toContain('and(has(');
  });
});

describe('the size of a definition', () => {
  it.each<[string, () => object]>([
    ['a long key', () => ({ states: { ['k'.repeat(5_000_000)]: {} } })],
    [
      'many keys',
      () => ({
        states: Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`${'k'.repeat(300)}${i}`, {}])),
      }),
    ],
    ['many items', () => ({ on: { go: Array(1_000_000).fill({ target: 'a' }) } })],
  ])('is bounded: %s', (_, make) => {
    expect(definitionText(make()).length).toBeLessThan(2_000_000);
  });

  it('counts the guard of a route as a guard', () => {
    const isAllowed = (): boolean => true;
    const text = definitionText({ states: { a: { id: 'a', route: { guard: isAllowed } } } });
    expect(text).toContain('{"type":"isAllowed"}');
  });
});

it('a long type of an event is cut, also in this process', () => {
  expect(inspectedEvent({ type: 'x'.repeat(10_000) }, undefined).type).toHaveLength(501);
});

it('what a history state remembers is read from a snapshot', () => {
  const machine = createMachine({
    id: 'm',
    initial: 'a',
    states: {
      a: {
        initial: 'x',
        states: { x: { on: { next: 'y' } }, y: {}, last: { type: 'history' } },
        on: { leave: 'b' },
      },
      b: { on: { back: 'a.last' } },
    },
  });
  const actor = createActor(machine).start();
  actor.send({ type: 'next' });
  actor.send({ type: 'leave' });
  const chart = parseChart(definitionText(machine.config));
  if (chart === undefined) throw new Error('No chart');
  const { history } = configurationOf(chart, plainSnapshot(actor.getSnapshot()));
  expect([...(history ?? [])].map(([, states]) => states.map(({ xstateId }) => xstateId))).toEqual([
    ['m.a.y'],
  ]);
});
