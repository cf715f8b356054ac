import { createActor } from 'xstate';
import { type FdPressureEvent, fdPressure } from '../../machines';
import { FdPressure } from '../../src/broker/pressure/FdPressure';
import { report } from '../support/report';
import { ChartCoverage } from './ChartCoverage';
import { ChartGraph, type ChartPath, describeChartPath } from './chartGraph';
import { type FdHappening, FdPressureModel, HOLD_OVER_EVENT } from './FdPressureModel';

// As the broker has them.
const INPUT = { pressuredFromShare: 0.8, normalBelowShare: 0.7, exhaustedHoldMs: 1000 };
const LIMIT = 1000;
const MAX_STEPS = 5;
const COUNT_MAX_AGE_MS = 50;

const coverage = new ChartCoverage(fdPressure);

// On both sides of each threshold, and on it.
const COUNTS = [0, 699, 700, 799, 800, 1000].map(
  (open): FdHappening => ({ type: 'fds.counted', open, limit: LIMIT }),
);

const graph = new ChartGraph<null>({
  machine: fdPressure,
  input: INPUT,
  world: null,
  next: () => null,
  eventsIn: ({ chart }) => [
    ...COUNTS,
    { type: 'fds.exhausted' },
    ...(JSON.stringify(chart.value).includes('exhausted') ? [{ type: HOLD_OVER_EVENT }] : []),
  ],
});

function run(
  paths: readonly ChartPath<null>[],
  start: () => { drive(event: FdHappening): boolean; stop(): void },
  name: string,
): void {
  let steps = 0;
  for (const path of paths) {
    const model = new FdPressureModel(INPUT);
    const { drive, stop } = start();
    for (const { event } of path) {
      model.take(event as FdHappening);
      const isPressured = drive(event as FdHappening);
      if (isPressured !== model.isPressured) {
        throw new Error(`${isPressured} at ${JSON.stringify(event)} of the path ${describeChartPath(path)}`);
      }
      steps += 1;
    }
    stop();
  }
  report(`fd pressure paths, ${name}: ${paths.length} paths, ${steps} steps, 0 wrong`);
}

/** The chart itself. */
function startChart() {
  const actor = createActor(fdPressure, {
    input: INPUT,
    clock: { setTimeout: () => 0, clearTimeout: () => {} },
    inspect: coverage.inspect,
  }).start();
  return {
    drive(event: FdHappening): boolean {
      actor.send(event as FdPressureEvent);
      return actor.getSnapshot().matches('pressured');
    },
    stop: () => void actor.stop(),
  };
}

/** The broker's own check, whose count, limit and time are in the test's hands. */
function startCheck() {
  let now = 0;
  let open: number | undefined = 0;
  const pressure = new FdPressure({
    connections: () => 0,
    countOpen: () => open,
    limit: () => LIMIT,
    now: () => now,
    inspect: coverage.inspect,
  });
  return {
    drive(event: FdHappening): boolean {
      if (event.type === 'fds.exhausted') {
        pressure.declare();
        return true;
      }
      if (event.type === HOLD_OVER_EVENT) {
        jest.advanceTimersByTime(INPUT.exhaustedHoldMs);
        return true;
      }
      now += COUNT_MAX_AGE_MS;
      open = event.open;
      return pressure.isPressured;
    },
    stop: () => pressure.stop(),
  };
}

describe('every generated path of the pressure on descriptors, against the reference model', () => {
  beforeAll(() => jest.useFakeTimers());
  afterAll(() => jest.useRealTimers());

  it('is followed by the chart', () => {
    run(graph.edgePaths(), startChart, 'chart, every edge');
    run(graph.walks(MAX_STEPS), startChart, `chart, up to ${MAX_STEPS} steps`);
  });

  it("is followed by the broker's check", () => {
    run(graph.edgePaths(), startCheck, 'check, every edge');
    run(graph.walks(MAX_STEPS), startCheck, `check, up to ${MAX_STEPS} steps`);
  });

  it('covers the chart: states, transitions, and both outcomes of each guard', () => {
    report(`chart coverage, fdPressure: ${coverage}`);
    expect(coverage.states.missing).toEqual([]);
    expect(coverage.transitions.missing).toEqual([]);
    expect(coverage.guardOutcomes.missing).toEqual([]);
  });
});
