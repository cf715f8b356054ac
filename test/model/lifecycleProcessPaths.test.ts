import type { ActorRefLike, AnyMachineSnapshot, InspectionEvent } from 'xstate';
import { backendLifecycle } from '../../machines';
import { brokersOfEachTest } from '../e2e/support/brokersOfEachTest';
import { ended, fixtureService } from '../e2e/support/TestBrokers';
import { eventually } from '../support/eventually';
import { report } from '../support/report';
import { ChartCoverage } from './ChartCoverage';
import { describeChartPath } from './chartGraph';
import { LifecycleRun, leadDelays } from './LifecycleRun';
import { followedEdges, lifecycleProcessPaths, otherEdges } from './lifecycleProcessGraph';

jest.mock('../../src/broker/backends/verifyProcess', () => ({ verifyProcess: jest.fn() }));

const FEWEST_RUNS = 65;

/** What no process meets; the paths of the chart alone cover it. A broker that runs is asked for a replacement; one that starts or stops kills. */
const UNPROVOKED = ['atOnce on kill.asked → never'];

leadDelays();

describe('generated shortest paths of a process, by a real broker with real processes', () => {
  const brokers = brokersOfEachTest();
  const coverage = new ChartCoverage(backendLifecycle);
  let runs = 0;
  let steps = 0;
  let compared = 0;
  let wrong = 0;

  it.each(lifecycleProcessPaths.map((path) => ({ name: describeChartPath(path), path })))(
    '$name',
    async ({ path }) => {
      const run = new LifecycleRun(brokers, path, coverage.inspect);
      try {
        await run.run();
        runs += 1;
        steps += path.length;
      } finally {
        compared += run.compared;
        wrong += run.wrong.length;
      }
      expect(run.wrong).toEqual([]);
    },
  );

  it('is killed, or not started again, where its broker ends in the middle of a start', async () => {
    const lives = new Map<ActorRefLike, AnyMachineSnapshot>();
    const inspect = (event: InspectionEvent): void => {
      coverage.inspect(event);
      const { actorRef } = event;
      const [, pid] = ('id' in actorRef && / pid (\d+)$/.exec(String(actorRef.id))) || [];
      if (pid !== undefined) brokers.pids.add(Number(pid));
      if (event.type !== '@xstate.snapshot' || !('machine' in event.snapshot)) return;
      const snapshot = event.snapshot as AnyMachineSnapshot;
      if (snapshot.machine.id === backendLifecycle.id) lives.set(actorRef, snapshot);
    };
    const statesOf = (): unknown[] => [...lives.values()].map(({ value }) => value.process);
    const others = process.listeners('exit');
    const starting = brokers.start({
      services: [fixtureService('exitAtOnce', { name: 'failing' }), fixtureService('neverListens')],
      inspect,
    });
    const failed = expect(starting).rejects.toMatchObject({ code: 'startFailed' });
    await eventually('one that starts, and one that is to be started again', () =>
      ['gone', 'planned'].every((state) => statesOf().includes(state)),
    );
    expect(statesOf()).toEqual(['gone', { alive: 'starting' }, 'planned']);
    // As Node does at the end of a process.
    for (const listener of process.listeners('exit')) if (!others.includes(listener)) listener(0);
    await failed;
    expect(statesOf()).toEqual(['gone', 'gone', 'gone']);
    expect(brokers.pids.size).toBe(2);
    for (const pid of brokers.pids) await ended(pid);
  });

  it('cover the chart, but for what no process can be led along', () => {
    const others = otherEdges();
    report(
      `lifecycle paths, real processes: ${runs} runs, ${steps} steps, ${followedEdges} edges, ${compared} comparisons, ${wrong} wrong`,
    );
    for (const [why, edges] of others) report(`  ${edges.length} edges not followed: ${why}`);
    report(`chart coverage, backendLifecycle by real processes: ${coverage}`);
    expect(runs).toBeGreaterThanOrEqual(FEWEST_RUNS);
    expect(runs).toBe(lifecycleProcessPaths.length);
    expect(coverage.states.missing).toEqual([]);
    expect(coverage.transitions.missing).toEqual(UNPROVOKED);
  });
});
