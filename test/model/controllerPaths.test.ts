import { backendHandoff } from '../../machines';
import { HandoffController } from '../../src';
import { expectEqual } from '../support/expectEqual';
import { ManualClock } from '../support/ManualClock';
import { report } from '../support/report';
import { ChartCoverage } from './ChartCoverage';
import {
  describePath,
  EXPLORED_MAXIMUM,
  EXPLORED_WINDOW_MS,
  edgePaths,
  type GraphPath,
  type GraphStep,
  longPaths,
  type OutsideEvent,
  shortestPaths,
  WINDOW_TIMER_EVENT,
} from './handoffGraph';
import { ReferenceModel } from './ReferenceModel';

const BACKEND = 'svc';
const POLICY = { maxFailedAttemptsPerWindow: EXPLORED_MAXIMUM, failedAttemptWindowMs: EXPLORED_WINDOW_MS };
/** Longer paths go up to this many steps. */
const MAX_STEPS = 6;
const MAX_LONG_PATHS = 20_000;

const coverage = new ChartCoverage(backendHandoff);

/** Drives a controller along a path by its public API, and holds it against the reference model at every step. */
class PathRun {
  readonly clock = new ManualClock();
  readonly model = new ReferenceModel(EXPLORED_MAXIMUM, EXPLORED_WINDOW_MS);
  controller = new HandoffController({ policy: POLICY, clock: this.clock, inspect: coverage.inspect });

  /** Moves time to where what the event says about the window is true. */
  #moveTimeFor(event: OutsideEvent): void {
    if (!('windowElapsed' in event)) return;
    const left = this.model.leftOf(BACKEND, this.clock.time);
    if (left === undefined) return;
    // The loop is blocked: the timer that became due has not fired.
    if (event.windowElapsed && left > 0) this.clock.jump(left);
    // The timer was early, or the caller's time goes back.
    if (!event.windowElapsed && left <= 0) this.clock.jump(left - 1);
  }

  #isWindowOpen(): boolean {
    return this.controller.actorOf(BACKEND).getSnapshot().matches({ window: 'open' });
  }

  take({ event, state }: GraphStep, withExplicitNow: boolean): void {
    this.#moveTimeFor(event);
    const at = this.clock.time;
    const now = withExplicitNow ? [at] : [];
    const { controller, model } = this;
    switch (event.type) {
      case 'request': {
        const { type, windowElapsed, ...inputs } = event;
        expectEqual(
          controller.shouldAttempt(BACKEND, inputs, ...now),
          model.shouldAttempt(BACKEND, inputs, at),
        );
        break;
      }
      case 'attempt.failed':
        expectEqual(
          controller.recordFailedAttempt(BACKEND, event.failure, ...now),
          model.recordFailedAttempt(BACKEND, event.failure, at),
        );
        break;
      case 'count.queried':
        expectEqual(controller.failedAttemptCount(BACKEND, ...now), model.failedAttemptCount(BACKEND, at));
        break;
      case 'attempt.succeeded':
        controller.recordSuccess(BACKEND, ...now);
        model.recordSuccess(BACKEND);
        break;
      case 'attempt.abandoned':
        controller.recordAbandonedAttempt(BACKEND, ...now);
        model.recordAbandonedAttempt(BACKEND);
        break;
      case 'backend.adopted':
        controller.markAdopted(BACKEND, ...now);
        model.markAdopted(BACKEND);
        break;
      case 'backend.spawned':
        controller.markSpawned(BACKEND, ...now);
        model.markSpawned(BACKEND);
        break;
      case 'backend.rejoined':
        controller.markRejoined(BACKEND, ...now);
        model.markRejoined(BACKEND);
        break;
      case 'window.restored': {
        const window = { failedAttempts: event.failedAttempts, remainingMs: EXPLORED_WINDOW_MS };
        const snapshot = {
          version: 1,
          wallTimeMs: this.clock.wallTime,
          backends: [{ backend: BACKEND, adopted: false, window }],
        };
        controller.dispose();
        this.controller = HandoffController.restore(snapshot, {
          policy: POLICY,
          clock: this.clock,
          inspect: coverage.inspect,
        });
        model.openWindow(BACKEND, event.failedAttempts, at);
        break;
      }
      case WINDOW_TIMER_EVENT:
        // The controller's one real timer may first look after a window that is gone.
        while (this.#isWindowOpen())
          this.clock.advance(Math.max(0, (this.clock.pending[0] ?? Number.NaN) - this.clock.time));
        break;
    }
    expectEqual(this.controller.stateOf(BACKEND), model.stateOf(BACKEND, this.clock.time));
    // The path was really driven: the actor is where the graph says.
    const { value, context } = this.controller.actorOf(BACKEND).getSnapshot();
    expectEqual({ value, context }, { value: state.chart.value, context: state.chart.context });
  }
}

function runAll(paths: readonly GraphPath[], name: string): void {
  let steps = 0;
  for (const [index, path] of paths.entries()) {
    const run = new PathRun();
    for (const step of path) {
      try {
        run.take(step, index % 2 === 0);
      } catch (cause) {
        throw new Error(`At ${JSON.stringify(step.event)} of the path ${describePath(path)}`, { cause });
      }
      steps++;
    }
    run.controller.dispose();
    // Nothing stays behind to fire.
    expect(run.clock.pending).toEqual([]);
  }
  report(`controller paths, ${name}: ${paths.length} paths, ${steps} steps, 0 wrong`);
}

describe('every generated path, by the public API, against the reference model', () => {
  it('follows the shortest path to every state of the graph', () => {
    runAll(shortestPaths(), 'shortest to every graph state');
  });

  it('follows every edge of the graph', () => {
    runAll(edgePaths(), 'every edge');
  });

  it(`follows the longer paths, up to ${MAX_STEPS} steps`, () => {
    const paths = longPaths(MAX_STEPS, MAX_LONG_PATHS);
    expect(paths.length).toBeLessThan(MAX_LONG_PATHS);
    runAll(paths, `all up to ${MAX_STEPS} steps that meet no state twice`);
  });

  it('covers the chart: states, transitions, and both outcomes of each guard', () => {
    report(`chart coverage, backendHandoff by controller paths: ${coverage}`);
    expect(coverage.states.missing).toEqual([]);
    expect(coverage.transitions.missing).toEqual([]);
    expect(coverage.guardOutcomes.missing).toEqual([]);
  });
});
