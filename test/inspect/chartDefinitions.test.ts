import { execFileSync } from 'node:child_process';
import { type AnyStateMachine, type AnyStateNode, getInitialSnapshot } from 'xstate';
import { definitionText } from '../../src/inspect/messages/definitionText';
import { activeStates } from '../../src/inspect/viewer/chart/activeStates';
import { blockRows } from '../../src/inspect/viewer/chart/blockRows';
import { type Chart, CUT } from '../../src/inspect/viewer/chart/Chart';
import { parseChart } from '../../src/inspect/viewer/chart/parseChart';
import { compiled } from '../support/compiled';
import type { ClientDefinitions } from './support/clientDefinitions';
import { FEATURE_MACHINES } from './support/featureMachines';

const MACHINES = Object.entries(FEATURE_MACHINES);

/** The client cuts at 10 unless told otherwise. */
const CUTTING_LIMITS = [4, 6, 7, 8, 9, 10, 11, 12];
const UNCUT = 50;

let fromClient: ClientDefinitions;

beforeAll(() => {
  const script = compiled('test/inspect/support/clientDefinitions.ts');
  const limits = [...CUTTING_LIMITS, UNCUT].map(String);
  fromClient = JSON.parse(execFileSync(process.execPath, [script, ...limits], { encoding: 'utf8' }));
});

function sentByClient(feature: string, limit: number): string {
  const definition = fromClient[feature]?.[limit];
  if (definition === undefined) throw new Error(`The client sent nothing of ${feature}`);
  return definition;
}

function read(definition: string): Chart {
  const chart = parseChart(definition);
  if (!chart) throw new Error('No chart');
  return chart;
}

function nodesIn(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(nodesIn)];
}

/** What XState itself makes of a machine's config, with states by their place. */
function definedBy(machine: AnyStateMachine) {
  const nodes = nodesIn(machine.root as AnyStateNode);
  const place = (node: AnyStateNode) => JSON.stringify(node.path);
  return {
    states: nodes.map((node) => ({
      path: place(node),
      kind: node.type,
      history: node.type === 'history' ? node.history || 'shallow' : undefined,
      initial: node.type === 'compound' ? node.initial.target?.map(place) : [],
      tags: node.tags,
    })),
    transitions: nodes
      .flatMap((node) => [...node.transitions.values(), node.always ?? []])
      .flatMap((candidates) =>
        candidates.map(({ eventType, source, target, reenter, guard }, index) => ({
          source: place(source),
          event: eventType,
          index,
          targets: target?.map(place) ?? [],
          reenter,
          // XState's guard of a route checks the event's `to`.
          isGuarded: guard !== undefined && eventType !== 'xstate.route',
        })),
      ),
  };
}

function drawnFrom(chart: Chart) {
  const place = (id: string) => JSON.stringify(chart.states.get(id)?.path);
  return {
    states: [...chart.states.values()].map((state) => ({
      path: JSON.stringify(state.path),
      kind: state.kind,
      history: state.history,
      initial: state.initial === undefined ? [] : [place(state.initial)],
      tags: state.tags,
    })),
    transitions: [...chart.transitions.values()].map((transition) => ({
      source: place(transition.source),
      event: transition.event,
      index: transition.index,
      targets: transition.targets.map(place),
      reenter: transition.reenter,
      isGuarded: transition.guard !== undefined,
    })),
  };
}

const sorted = (items: readonly object[]) => items.map((item) => JSON.stringify(item)).sort();

describe.each(MACHINES)('a chart of %s', (feature, machine) => {
  const defined = definedBy(machine);

  test('has the states and transitions of the machine', () => {
    const chart = read(definitionText(machine.config));
    const drawn = drawnFrom(chart);
    expect(drawn.states).toEqual(defined.states);
    expect(sorted(drawn.transitions)).toEqual(sorted(defined.transitions));
    expect(chart.isCut).toBe(false);
    expect([...chart.transitions.values()].flatMap(({ missingTargets }) => missingTargets)).toEqual([]);
  });

  test('shows as active what XState says', () => {
    const chart = read(definitionText(machine.config));
    const snapshot = getInitialSnapshot(machine);
    const active = [...activeStates(chart, snapshot.value)].map((id) => chart.states.get(id)?.path);
    expect(sorted(active.map((path) => path ?? []))).toEqual(
      sorted((snapshot._nodes as AnyStateNode[]).map(({ path }) => path)),
    );
  });

  test('has them when it comes from the client of @statelyai/inspect', () => {
    const drawn = drawnFrom(read(sentByClient(feature, UNCUT)));
    expect(sorted(drawn.states)).toEqual(sorted(defined.states));
    expect(sorted(drawn.transitions)).toEqual(sorted(defined.transitions));
  });

  test.each(CUTTING_LIMITS)(
    'cut at depth %d, shows nothing that is not so, and what is missing as cut',
    (depth) => {
      const chart = parseChart(sentByClient(feature, depth));
      if (!chart) return;
      const drawn = drawnFrom(chart);
      const states = new Set(defined.states.map(({ path }) => path));
      for (const { path } of drawn.states) expect(states).toContain(path);
      const key = ({ source, event, index }: (typeof defined.transitions)[number]) =>
        JSON.stringify([source, event, index]);
      const known = new Map(defined.transitions.map((each) => [key(each), each]));
      // A handler that was cut as a whole counts as one transition of its event.
      for (const each of drawn.transitions)
        expect(known.get(key(each))?.targets).toEqual(expect.arrayContaining(each.targets));
      const complete = new Set(drawn.transitions.map((each) => JSON.stringify(each)));
      const lost = defined.transitions.filter((each) => !complete.has(JSON.stringify(each)));
      for (const { source, event, targets } of lost) {
        // A route is declared by its target.
        const [place = source] = event === 'xstate.route' ? targets : [];
        const path: readonly string[] = JSON.parse(place);
        const nearest = [...chart.states.values()]
          .filter((state) => state.path.every((name, place) => name === path[place]))
          .at(-1);
        const isToldThere =
          nearest?.path.length === path.length &&
          nearest.transitions.some(
            (each) => each.event === event && (each.isCut || each.missingTargets.length > 0),
          );
        expect(isToldThere || (nearest?.cut.length ?? 0) > 0).toBe(true);
      }
      if (lost.length > 0) expect(chart.isCut).toBe(true);
    },
  );
});

test('guards read as what they are made of, with their params', () => {
  const guardsIn = (definition: string) =>
    [...read(definition).transitions.values()].flatMap(({ guard }) => guard ?? []);
  const machine = FEATURE_MACHINES['guards of guards'];
  expect(machine && guardsIn(definitionText(machine.config))).toEqual([
    'or(isOk, isLarge(10))',
    'not(and(isOk, isFull))',
    'stateIn(a)',
    'guard',
    'isLarge(5)',
    'isOk',
  ]);
  // The client sends only the outer function's name.
  const sent = guardsIn(sentByClient('guards of guards', UNCUT));
  expect(sent).toEqual(expect.arrayContaining(['or(…)', 'not(…)', 'stateIn(…)', 'isLarge(5)', 'isOk']));
});

test('the lines of a state tell its tags, invoked actors and output', () => {
  const machine = FEATURE_MACHINES['invokes'];
  const chart = read(machine ? definitionText(machine.config) : '');
  const notes = (id: string) => {
    const state = chart.states.get(id);
    return (
      state && blockRows(state).flatMap((row) => (row.kind === 'note' ? [`${row.label} ${row.text}`] : []))
    );
  };
  expect(notes('invokes.loading')).toEqual(['invoke work (user)', 'invoke work', 'invoke inline']);
  expect(notes('invokes.failed')).toEqual(['tags error, retryable']);
  expect(notes('invokes.full')).toEqual(['output {"reason":"full"}']);
  expect(chart.states.get('invokes.failed')?.meta).toBe('{"text":"Try again"}');
});

test('what was cut stands in the chart as cut', () => {
  const chart = read(sentByClient('deep composer', 10));
  const rows = [...chart.states.values()].flatMap((state) => blockRows(state));
  expect(rows.filter((row) => row.kind === 'note' && row.label === 'not sent').length).toBeGreaterThan(0);
  expect([...chart.transitions.values()].some(({ missingTargets }) => missingTargets.includes(CUT))).toBe(
    true,
  );
});
