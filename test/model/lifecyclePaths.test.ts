import { type AnyMachineSnapshot, createActor, type EventObject } from 'xstate';
import {
  BACKEND_PROCESS_STATES,
  type BackendLifecycleEmitted,
  type BackendLifecycleEvent,
  backendLifecycle,
} from '../../machines';
import { report } from '../support/report';
import { ChartCoverage } from './ChartCoverage';
import { ChartGraph, type ChartPath, describeChartPath } from './chartGraph';
import { LifecycleModel } from './LifecycleModel';
import { changesLifecycle, happeningOf, LIFECYCLE_HAPPENINGS, LIFECYCLE_INPUT } from './lifecycleGraph';

const MAX_STEPS = 5;

const coverage = new ChartCoverage(backendLifecycle);

function graphOf(eventsIn: (chart: AnyMachineSnapshot) => readonly EventObject[]): ChartGraph<null> {
  return new ChartGraph<null>({
    machine: backendLifecycle,
    input: LIFECYCLE_INPUT,
    world: null,
    next: () => null,
    eventsIn: ({ chart }) => (chart.status === 'done' ? [] : eventsIn(chart)),
  });
}

/** Anything at any time: what makes no sense must change nothing. */
const anyGraph = graphOf(() => LIFECYCLE_HAPPENINGS);

/** Only what changes something, so that longer walks stay few enough. */
const changingGraph = graphOf((chart) =>
  LIFECYCLE_HAPPENINGS.filter((event) => changesLifecycle(chart, event)),
);

function shownOf({ tags }: AnyMachineSnapshot): string {
  return BACKEND_PROCESS_STATES.find((state) => tags.has(state)) ?? 'none';
}

function nameOf(emitted: BackendLifecycleEmitted): string {
  return emitted.type === 'vacated' ? `${emitted.type} ${emitted.successor}` : emitted.type;
}

interface Told {
  readonly count: Map<string, number>;
  readonly order: string[];
}

/** The chart along a path, against the model. Returns all that it told. */
function run(path: ChartPath<null>): Told {
  const actor = createActor(backendLifecycle, {
    input: LIFECYCLE_INPUT,
    clock: { setTimeout: () => 0, clearTimeout: () => {} },
    inspect: coverage.inspect,
  });
  const told: string[] = [];
  const order: string[] = [];
  actor.on('*', (emitted) => told.push(nameOf(emitted)));
  actor.start();
  const model = new LifecycleModel();
  for (const { event } of path) {
    try {
      const expected = model.take(happeningOf(event));
      if (actor.getSnapshot().status !== 'done') actor.send(event as BackendLifecycleEvent);
      const now = told.splice(0);
      // Their order is checked only where it matters.
      expect([...now].sort()).toEqual([...expected].sort());
      expect(shownOf(actor.getSnapshot())).toBe(model.shown);
      order.push(...now);
    } catch (cause) {
      throw new Error(`At ${JSON.stringify(event)} of the path ${describeChartPath(path)}: ${cause}`, {
        cause,
      });
    }
  }
  actor.stop();
  const count = new Map<string, number>();
  for (const name of order) {
    const [what = name] = name.split(' ');
    count.set(what, (count.get(what) ?? 0) + 1);
  }
  return { count, order };
}

describe('every generated path of a process of a backend, against the reference model', () => {
  it('is followed by the chart: every edge, and any event at any time', () => {
    const paths = anyGraph.edgePaths();
    let steps = 0;
    for (const path of paths) {
      run(path);
      steps += path.length;
    }
    report(`lifecycle paths, every edge: ${paths.length} paths, ${steps} steps, 0 wrong`);
  });

  it('emits vacated once, starts at most one program, and reports once whether it was ready', () => {
    const paths = changingGraph.walks(MAX_STEPS);
    for (const path of paths) {
      const { count, order } = run(path);
      const most = (what: string) => count.get(what) ?? 0;
      expect(Math.max(most('spawn'), most('vacated'), most('gone') + most('left'))).toBeLessThanOrEqual(1);
      expect(most('ready') + most('neverReady')).toBeLessThanOrEqual(1);
      const gone = order.indexOf('gone');
      const vacated = order.findIndex((name) => name.startsWith('vacated'));
      expect(gone === -1 || (vacated !== -1 && vacated < gone)).toBe(true);
    }
    report(`lifecycle paths, up to ${MAX_STEPS} steps: ${paths.length} paths`);
  });

  it('reads the last messages of a process before it is gone', () => {
    const { order } = run(
      pathOf(
        { type: 'start.asked' },
        { type: 'process.listening' },
        { type: 'process.exited', isChannelOpen: true },
      ),
    );
    expect(order).toEqual(['spawn', 'ready']);
  });

  it('covers the chart: states, transitions, and both outcomes of each guard', () => {
    report(`chart coverage, backendLifecycle: ${coverage}`);
    expect(coverage.states.missing).toEqual([]);
    expect(coverage.transitions.missing).toEqual([]);
    expect(coverage.guardOutcomes.missing).toEqual([]);
  });
});

function pathOf(...events: BackendLifecycleEvent[]): ChartPath<null> {
  return events.map((event) => ({ event }) as ChartPath<null>[number]);
}
