import fc from 'fast-check';
import { type AnyStateMachine, type AnyStateNode, createMachine, not, setup } from 'xstate';
import { backendHandoff } from '../../machines';
import { definitionText } from '../../src/inspect/messages/definitionText';
import { activeStates } from '../../src/inspect/viewer/chart/activeStates';
import { blockColumns, labelLines, standsInBlock } from '../../src/inspect/viewer/chart/blockRows';
import { type Chart, transitionId } from '../../src/inspect/viewer/chart/Chart';
import { parseChart } from '../../src/inspect/viewer/chart/parseChart';
import { takenIn } from '../../src/inspect/viewer/chart/takenIn';
import type { Step } from '../../src/inspect/viewer/store/InspectedActor';

function chartOf(machine: { readonly config: object }): Chart {
  const chart = parseChart(definitionText(machine.config));
  if (!chart) throw new Error('No chart');
  return chart;
}

function nodesIn(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(nodesIn)];
}

test('a chart has the same states and transitions as in XState', () => {
  const chart = chartOf(backendHandoff);
  const nodes = nodesIn(backendHandoff.root as AnyStateNode);
  expect([...chart.states.keys()]).toEqual(nodes.map(({ id }) => id));
  const expected = nodes.flatMap((node) =>
    [...node.transitions.values(), node.always ?? []].flat().map(({ eventType, source, target }) => ({
      source: source.id,
      event: eventType,
      targets: target?.map(({ id }) => id) ?? [],
    })),
  );
  const found = [...chart.transitions.values()].map(({ source, event, targets }) => ({
    source,
    event,
    targets,
  }));
  expect(found).toHaveLength(expected.length);
  expect(found).toEqual(expect.arrayContaining(expected));
  expect(chart.states.get('backendHandoff.window')?.initial).toBe('backendHandoff.window.closed');
});

test('all kinds of targets are resolved', () => {
  const chart = chartOf(
    createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: { id: 'own', initial: 'deep', on: { IN: '.deep', OUT: 'b.c' }, states: { deep: {} } },
        b: {
          initial: 'c',
          invoke: { id: 'job', src: 'work', onDone: '#own.deep', onError: { target: '#own' } },
          states: { c: { type: 'final' }, past: { type: 'history' } },
          onDone: 'a',
          after: { 1500: 'a' },
        },
      },
    }),
  );
  const leading = [...chart.transitions.values()].map(({ label, targets }) => [label, ...targets]);
  expect(leading).toEqual([
    ['IN', 'm.a.deep'],
    ['OUT', 'm.b.c'],
    ['done', 'own'],
    ['job done', 'm.a.deep'],
    ['job failed', 'own'],
    ['1.5 s', 'own'],
  ]);
  expect(chart.states.get('m.b.past')?.kind).toBe('history');
});

test('composed guards are shown with their parts', () => {
  const guardsOf = (machine: AnyStateMachine) =>
    [...chartOf(machine).transitions.values()].map(({ guard }) => guard);
  const unnamed = setup({ guards: { isReady: () => true } }).createMachine({
    initial: 'a',
    states: { a: { always: { guard: not('isReady'), target: 'b' } }, b: {} },
  });
  expect(guardsOf(unnamed)).toContain('not(isReady)');
  expect(guardsOf(backendHandoff)).toContain('hasNoAttemptsInFlight');
  expect(guardsOf(backendHandoff)).toContain('adoptedBackend');
});

test('any text is accepted as a definition', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => void parseChart(JSON.stringify(value))));
  const cutOff = '{"states":{"a":"[Object]","b":{"on":{"X":["[Object]"],"Y":"[Array]"}}}}';
  expect([...(parseChart(cutOff)?.states.keys() ?? [])]).toEqual(['(machine)', '(machine).a', '(machine).b']);
  expect(parseChart('{')).toBeUndefined();
  expect(parseChart(undefined)).toBeUndefined();
});

test('a long block is split between events, and every transition is drawn once', () => {
  const chart = chartOf(backendHandoff);
  const handoff = chart.states.get('backendHandoff.handoff');
  if (!handoff) throw new Error('No state');
  const columns = blockColumns(handoff);
  expect(columns).toHaveLength(2);
  const drawn = columns.flat().flatMap((row) => (row.kind === 'transition' ? [row.transition.id] : []));
  expect(drawn).toEqual(
    handoff.transitions.filter((transition) => standsInBlock(transition, handoff)).map(({ id }) => id),
  );
  const [waits] = [...chart.transitions.values()].filter(({ kind }) => kind === 'after');
  expect(
    waits &&
      labelLines(waits)
        .map(({ text }) => text)
        .join(' '),
  ).toBe('after failed AttemptWindow');
});

describe('the transitions of a step', () => {
  const chart = chartOf(backendHandoff);
  const step = (type: string, value: unknown, more: Partial<Step> = {}): Step => ({
    seq: 1,
    at: 0,
    sessionId: 'x',
    event: { type },
    sourceId: undefined,
    snapshot: { status: 'active', value },
    transitions: undefined,
    emitted: [],
    delays: undefined,
    ...more,
  });
  const idle = step('xstate.init', { handoff: 'idle', window: 'closed' });

  test('are marked as reported, with the check that answered', () => {
    const told = step(
      'request',
      { handoff: 'adopted', window: 'closed' },
      {
        transitions: [
          { source: 'backendHandoff.handoff', event: 'request', index: 3, targets: [] },
          { source: 'nowhere', event: 'request', index: 0, targets: [] },
        ],
        emitted: [{ type: 'fallback', reason: 'adoptedBackend' }],
      },
    );
    const request3 = transitionId('backendHandoff.handoff', 'request', 3);
    const { taken, answered } = takenIn(chart, told, idle);
    expect([...taken]).toEqual([request3]);
    expect(answered).toEqual({ id: request3, reason: 'adoptedBackend' });
  });

  test('are inferred if unambiguous', () => {
    const adopted = step('backend.adopted', { handoff: 'adopted', window: 'closed' });
    expect([...takenIn(chart, adopted, idle).taken]).toEqual([
      transitionId('backendHandoff.handoff', 'backend.adopted', 0),
    ]);
    const unclear = step('request', { handoff: 'idle', window: 'closed' });
    expect(takenIn(chart, unclear, idle).taken.size).toBe(0);
  });

  test('marks every ancestor of the active states', () => {
    expect([...activeStates(chart, idle.snapshot?.value)]).toEqual([
      'backendHandoff',
      'backendHandoff.handoff',
      'backendHandoff.handoff.idle',
      'backendHandoff.window',
      'backendHandoff.window.closed',
    ]);
  });
});
