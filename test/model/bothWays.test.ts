import fc from 'fast-check';
import { HANDOFF_FAILURES } from '../../machines';
import { HandoffController, HandoffFallbackPolicy } from '../../src';
import { readTraces, TRACE_FILES } from '../conformance/readTraces';
import { expectEqual } from '../support/expectEqual';
import { ManualClock } from '../support/ManualClock';
import { report } from '../support/report';
import {
  ALL_INPUTS,
  EXPLORED_MAXIMUM,
  EXPLORED_WINDOW_MS,
  edgePaths,
  longPaths,
  type OutsideEvent,
  shortestPaths,
} from './handoffGraph';
import { InterpretedController } from './InterpretedController';

type Call = (side: HandoffController | InterpretedController, name: string, now: number) => unknown;

/** Makes each call on the tabled controller and on the interpreted chart: they agree on every answer and state. */
class BothWays {
  readonly tabled: HandoffController;
  readonly interpreted: InterpretedController;
  calls = 0;

  constructor(policy: HandoffFallbackPolicy) {
    this.tabled = new HandoffController({ policy, clock: new ManualClock() });
    this.interpreted = new InterpretedController(policy);
  }

  call(name: string, now: number, call: Call): void {
    this.calls++;
    expectEqual(call(this.tabled, name, now), call(this.interpreted, name, now));
    // At the beginning of time no window is over, so this is the chart's state as it is; and it makes no actor.
    expectEqual(this.tabled.stateOf(name, 0), this.interpreted.stateOf(name));
  }
}

function callOf(event: OutsideEvent): Call | undefined {
  switch (event.type) {
    case 'request': {
      const { type, windowElapsed, ...inputs } = event;
      return (side, name, now) => side.shouldAttempt(name, inputs, now);
    }
    case 'attempt.failed':
      return (side, name, now) => side.recordFailedAttempt(name, event.failure, now);
    case 'attempt.succeeded':
      return (side, name, now) => side.recordSuccess(name, now);
    case 'attempt.abandoned':
      return (side, name, now) => side.recordAbandonedAttempt(name, now);
    case 'count.queried':
      return (side, name, now) => side.failedAttemptCount(name, now);
    case 'backend.adopted':
      return (side, name, now) => side.markAdopted(name, now);
    case 'backend.spawned':
      return (side, name, now) => side.markSpawned(name, now);
    case 'backend.rejoined':
      return (side, name, now) => side.markRejoined(name, now);
    default:
      return undefined;
  }
}

const POLICY = new HandoffFallbackPolicy({
  maxFailedAttemptsPerWindow: EXPLORED_MAXIMUM,
  failedAttemptWindowMs: EXPLORED_WINDOW_MS,
});
const RUNS = 2_000;

describe('the table and the interpreted chart agree on every answer and state', () => {
  it('along every generated path', () => {
    let calls = 0;
    const paths = [...shortestPaths(), ...edgePaths(), ...longPaths(6, 20_000)];
    for (const path of paths) {
      const both = new BothWays(POLICY);
      let now = 1_000;
      for (const { event } of path) {
        if ('windowElapsed' in event && event.windowElapsed) now += EXPLORED_WINDOW_MS;
        const call = callOf(event);
        if (call) both.call('svc', now, call);
      }
      calls += both.calls;
      both.tabled.dispose();
    }
    report(`both ways, generated paths: ${paths.length} paths, ${calls} calls, 0 different`);
  });

  it('in every recorded trace', () => {
    let calls = 0;
    for (const { policy, ops } of TRACE_FILES.flatMap(readTraces)) {
      const both = new BothWays(new HandoffFallbackPolicy(policy));
      for (const op of ops) {
        both.call(op.backend, op.now, (side, name, now) => {
          if (op.op === 'shouldAttempt') return side.shouldAttempt(name, op.inputs, now);
          if (op.op === 'recordFailedAttempt') return side.recordFailedAttempt(name, op.failure, now);
          return side[op.op](name, now);
        });
      }
      calls += both.calls;
      both.tabled.dispose();
    }
    expect(calls).toBe(11_000);
    report(`both ways, recorded traces: ${calls} calls, 0 different`);
  });

  it('in random runs', () => {
    let calls = 0;
    const step = fc.record({
      name: fc.constantFrom('a', 'b'),
      moveMs: fc.integer({ min: -50, max: 120 }),
      call: fc.oneof(
        fc.constantFrom(...ALL_INPUTS).map(
          (inputs): Call =>
            (side, name, now) =>
              side.shouldAttempt(name, inputs, now),
        ),
        fc.constantFrom(...HANDOFF_FAILURES).map(
          (failure): Call =>
            (side, name, now) =>
              side.recordFailedAttempt(name, failure, now),
        ),
        fc
          .constantFrom(
            'recordSuccess',
            'recordAbandonedAttempt',
            'failedAttemptCount',
            'markAdopted',
            'markSpawned',
            'markRejoined',
          )
          .map(
            (method): Call =>
              (side, name, now) =>
                side[method](name, now),
          ),
      ),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.array(step, { maxLength: 40, size: 'max' }),
        (maxFailedAttemptsPerWindow, steps) => {
          const both = new BothWays(
            new HandoffFallbackPolicy({ maxFailedAttemptsPerWindow, failedAttemptWindowMs: 100 }),
          );
          let now = 1_000;
          for (const { name, moveMs, call } of steps) {
            now += moveMs;
            both.call(name, Math.max(1, now), call);
          }
          calls += both.calls;
          both.tabled.dispose();
        },
      ),
      { numRuns: RUNS },
    );
    report(`both ways, random runs: ${RUNS} runs, ${calls} calls, 0 different`);
  });
});
