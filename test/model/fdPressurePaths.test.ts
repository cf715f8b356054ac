import { createActor } from 'xstate';
import { FD_PRESSURE_INPUT, type FdPressureEvent, fdPressure } from '../../machines';
import { FdPressure } from '../../src/broker/pressure/FdPressure';
import { report } from '../support/report';
import { ChartCoverage } from './ChartCoverage';
import { ChartGraph, type ChartPath, describeChartPath } from './chartGraph';
import { type FdHappening, FdPressureModel, HOLD_OVER_EVENT } from './FdPressureModel';

const INPUT = FD_PRESSURE_INPUT;
const LIMIT = 1000;
const MAX_STEPS = 5;
// There are more of them where a count and a statement may come in turn.
const MAX_MIXED_STEPS = 4;
const COUNT_MAX_AGE_MS = 50;

const coverage = new ChartCoverage(fdPressure);

// On both sides of each threshold, and on it.
const COUNTS = [0, 699, 700, 799, 800, 1000].map(
  (open): FdHappening => ({ type: 'fds.counted', open, limit: LIMIT }),
);

const STATEMENTS = [true, false].map(
  (isPressured): FdHappening => ({ type: 'pressure.stated', isPressured }),
);

/** The chart's graph, where these happen beside the system's having none left. */
function graphOf(happenings: readonly FdHappening[]): ChartGraph<null> {
  return new ChartGraph<null>({
    machine: fdPressure,
    input: INPUT,
    world: null,
    next: () => null,
    eventsIn: ({ chart }) => [
      ...happenings,
      { type: 'fds.exhausted' },
      ...(JSON.stringify(chart.value).includes('exhausted') ? [{ type: HOLD_OVER_EVENT }] : []),
    ],
  });
}

// A broker counts, or asks the embedder's check.
const everything = graphOf([...COUNTS, ...STATEMENTS]);
const counting = graphOf(COUNTS);
const asking = graphOf(STATEMENTS);

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

/** The broker's pressure, whose count, check, limit and time are in the test's hands. */
function startPressure(isAsking: boolean) {
  let now = 0;
  let open = 0;
  let answer = false;
  const pressure = new FdPressure({
    connections: () => 0,
    countOpen: () => open,
    limit: () => LIMIT,
    now: () => now,
    ...(isAsking && { check: () => answer }),
    inspect: coverage.inspect,
  });
  return {
    drive(event: FdHappening): boolean {
      if (event.type === 'fds.exhausted') {
        pressure.reportExhausted();
        return true;
      }
      if (event.type === HOLD_OVER_EVENT) {
        jest.advanceTimersByTime(INPUT.exhaustedHoldMs);
        return true;
      }
      now += COUNT_MAX_AGE_MS;
      if (event.type === 'pressure.stated') answer = event.isPressured;
      else open = event.open;
      return pressure.isPressured;
    },
    stop: () => pressure.stop(),
  };
}

describe('every generated path of the pressure on descriptors, against the reference model', () => {
  beforeAll(() => jest.useFakeTimers());
  afterAll(() => jest.useRealTimers());

  it('is followed by the chart', () => {
    run(everything.edgePaths(), startChart, 'chart, every edge');
    run(everything.walks(MAX_MIXED_STEPS), startChart, `chart, up to ${MAX_MIXED_STEPS} steps`);
  });

  it.each([
    ['counts', counting, false],
    ["asks the embedder's check", asking, true],
  ])('is followed by a broker that %s', (name, graph, isAsking) => {
    run(graph.edgePaths(), () => startPressure(isAsking), `${name}, every edge`);
    run(graph.walks(MAX_STEPS), () => startPressure(isAsking), `${name}, up to ${MAX_STEPS} steps`);
  });

  it('covers the chart: states, transitions, and both outcomes of each guard', () => {
    report(`chart coverage, fdPressure: ${coverage}`);
    expect(coverage.states.missing).toEqual([]);
    expect(coverage.transitions.missing).toEqual([]);
    expect(coverage.guardOutcomes.missing).toEqual([]);
  });
});
