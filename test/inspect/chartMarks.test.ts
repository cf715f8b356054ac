import fc from 'fast-check';
import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type AnyStateNode,
  type AnyTransitionDefinition,
  createActor,
  type InspectionEvent,
} from 'xstate';
import { definitionText } from '../../src/inspect/messages/definitionText';
import { plainSnapshot } from '../../src/inspect/messages/plainSnapshot';
import { takenTransitions } from '../../src/inspect/relay/takenTransitions';
import { withoutPreempted } from '../../src/inspect/relay/withoutPreempted';
import { type Chart, transitionId } from '../../src/inspect/viewer/chart/Chart';
import { parseChart } from '../../src/inspect/viewer/chart/parseChart';
import { takenIn } from '../../src/inspect/viewer/chart/takenIn';
import type { Step } from '../../src/inspect/viewer/store/InspectedActor';
import { FEATURE_MACHINES, type FeatureEvent } from './support/featureMachines';

/** These have guards or raise events, so that some marks can't be known from the states before and after. */
const UNCERTAIN = [
  'guards of guards',
  'invokes',
  'delays',
  'chains of eventless transitions',
  'regions that react together',
  'raised events',
  'routes',
  'deep credit check',
];
/** In these, ids don't tell which state is meant. */
const AMBIGUOUS = ['states that share an id'];

interface Played {
  readonly step: Step;
  readonly before: Step;
  /** Whose actions ran. */
  readonly executed: ReadonlySet<string>;
}

function nodesIn(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(nodesIn)];
}

function transitionsIn(machine: AnyStateMachine): AnyTransitionDefinition[] {
  return nodesIn(machine.root as AnyStateNode).flatMap((node) =>
    [...node.transitions.values(), node.always ?? []].flat(),
  );
}

function chartOf(machine: AnyStateMachine): Chart {
  const chart = parseChart(definitionText(machine.config));
  if (!chart) throw new Error('No chart');
  return chart;
}

/** A copy of a machine that tells which transitions it took: those whose actions ran. */
function recording(
  machine: AnyStateMachine,
  record: (transition: AnyTransitionDefinition) => void,
): AnyStateMachine {
  const copy = machine.provide({
    actions: Object.fromEntries(['note', 'store', 'reset', 'redraw'].map((name) => [name, () => {}])),
  });
  for (const transition of transitionsIn(copy)) {
    Object.assign(transition, { actions: [...transition.actions, () => record(transition)] });
  }
  return copy;
}

/** Plays events to an actor, as the relay and the page see them. */
function play(machine: AnyStateMachine, events: readonly FeatureEvent[]): Played[] {
  const executed: AnyTransitionDefinition[] = [];
  const selected: AnyTransitionDefinition[] = [];
  let before: AnyMachineSnapshot | undefined;
  const inspect = (event: InspectionEvent) => {
    if (event.type !== '@xstate.microstep') return;
    selected.push(...withoutPreempted(event._transitions, before));
    before = event.snapshot as AnyMachineSnapshot;
  };
  const actor = createActor(
    recording(machine, (transition) => executed.push(transition)),
    {
      inspect,
      // Its delays never end by themselves.
      clock: { setTimeout: () => 0, clearTimeout: () => {} },
    },
  );
  actor.subscribe({ error: () => {} });
  actor.start();
  const stepOf = (type: string, seq: number): Step => ({
    ...{ seq, at: 0, sessionId: 'x', event: { type }, sourceId: undefined, emitted: [], delays: undefined },
    snapshot: plainSnapshot(JSON.parse(JSON.stringify(actor.getSnapshot()))),
    transitions: takenTransitions(selected),
  });
  const played: Played[] = [];
  let last = stepOf('xstate.init', 0);
  for (const event of events) {
    if (actor.getSnapshot().status !== 'active') break;
    executed.length = 0;
    selected.length = 0;
    before = actor.getSnapshot();
    actor.send(event);
    const step = stepOf(event.type, last.seq + 1);
    played.push({
      step,
      before: last,
      executed: new Set(
        takenTransitions(executed).map(({ source, event, index }) => transitionId(source, event, index)),
      ),
    });
    last = step;
  }
  actor.stop();
  return played;
}

/** Events that a machine has handlers for, and others. */
function eventsOf(machine: AnyStateMachine): fc.Arbitrary<FeatureEvent[]> {
  const types = new Set(
    transitionsIn(machine).flatMap(({ eventType }) =>
      eventType.includes('*') ? [eventType.replace('*', 'x.y'), eventType.replace('.*', '')] : [eventType],
    ),
  );
  types.delete('');
  const event = fc.record({
    type: fc.constantFrom(...types, 'unknown'),
    ok: fc.boolean(),
    amount: fc.integer({ min: 0, max: 20 }),
    to: fc.constantFrom('#home', '#list', '#item'),
  });
  return fc.array(event, { minLength: 1, maxLength: 25 });
}

const MACHINES = Object.entries(FEATURE_MACHINES).filter(([feature]) => !AMBIGUOUS.includes(feature));

describe.each(MACHINES)('along any path of %s', (feature, machine) => {
  const chart = chartOf(machine);

  test('the marked transitions are those that XState took', () => {
    fc.assert(
      fc.property(eventsOf(machine), (events) => {
        for (const { step, before, executed } of play(machine, events)) {
          expect(takenIn(chart, step, before).taken).toEqual(executed);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('from states alone, none is marked that was not taken', () => {
    let marked = 0;
    fc.assert(
      fc.property(eventsOf(machine), (events) => {
        for (const { step, before, executed } of play(machine, events)) {
          const { taken } = takenIn(chart, { ...step, transitions: undefined }, before);
          marked += taken.size;
          if (UNCERTAIN.includes(feature)) expect([...executed]).toEqual(expect.arrayContaining([...taken]));
          else expect(taken).toEqual(executed);
        }
      }),
      { numRuns: 30 },
    );
    expect(marked).toBeGreaterThan(0);
  });
});
