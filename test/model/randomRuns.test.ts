import fc from 'fast-check';
import { HANDOFF_FAILURES } from '../../machines';
import { HandoffAttemptInputs, HandoffController, type HandoffFallbackPolicy } from '../../src';
import { expectEqual } from '../support/expectEqual';
import { ManualClock } from '../support/ManualClock';
import { report } from '../support/report';
import { ALL_INPUTS } from './handoffGraph';
import { ReferenceModel } from './ReferenceModel';

const RUNS = 2_500;
const BACKENDS = ['a', 'b', 'c'];

const policies = fc.record({
  maxFailedAttemptsPerWindow: fc.integer({ min: 0, max: 4 }),
  failedAttemptWindowMs: fc.oneof(
    fc.integer({ min: 0, max: 100 }),
    // Halves are exact in binary, so the two sides may not differ by rounding.
    fc.integer({ min: 1, max: 200 }).map((half) => half / 2),
    fc.constant(3_000_000_000),
  ),
});

/** How time moves before a call: on, back, or to a window's end. */
const moves = fc.oneof(
  fc.integer({ min: -60, max: 80 }).map((half) => half / 2),
  fc.constantFrom('to the end', 'to just before the end'),
);

const constant = <T extends string>(op: T) => fc.record({ op: fc.constant(op) });

const calls = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('shouldAttempt' as const),
      inputs: fc.oneof(fc.constantFrom(...ALL_INPUTS), fc.constant(HandoffAttemptInputs.enabled())),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('recordFailedAttempt' as const),
      failure: fc.constantFrom(...HANDOFF_FAILURES),
    }),
  },
  { weight: 2, arbitrary: constant('failedAttemptCount') },
  { weight: 1, arbitrary: constant('recordSuccess') },
  { weight: 1, arbitrary: constant('recordAbandonedAttempt') },
  { weight: 1, arbitrary: constant('markAdopted') },
  { weight: 1, arbitrary: constant('markSpawned') },
  { weight: 1, arbitrary: constant('markRejoined') },
  { weight: 1, arbitrary: constant('forget') },
  { weight: 1, arbitrary: constant('fireDueTimers') },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('restart' as const),
      wallMs: fc.integer({ min: -20, max: 120 }),
      policy: policies,
    }),
  },
);

const steps = fc.record({ backend: fc.constantFrom(...BACKENDS), move: moves, call: calls });

type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never;

class RandomRun {
  readonly clock = new ManualClock();
  controller: HandoffController;
  model: ReferenceModel;

  constructor(policy: { maxFailedAttemptsPerWindow: number; failedAttemptWindowMs: number }) {
    this.controller = new HandoffController({ policy, clock: this.clock });
    this.model = RandomRun.#modelFor(this.controller.policy);
  }

  static #modelFor({
    maxFailedAttemptsPerWindow,
    failedAttemptWindowMs,
  }: HandoffFallbackPolicy): ReferenceModel {
    return new ReferenceModel(maxFailedAttemptsPerWindow, failedAttemptWindowMs);
  }

  #move(backend: string, move: Step['move']): void {
    const { clock, model } = this;
    if (typeof move === 'number') clock.jump(Math.max(-clock.time, move));
    else clock.jump((model.leftOf(backend, clock.time) ?? 0) - (move === 'to the end' ? 0 : 0.5));
  }

  take({ backend, move, call }: Step, withExplicitNow: boolean): void {
    this.#move(backend, move);
    const { clock, controller, model } = this;
    const at = clock.time;
    const now = withExplicitNow ? [at] : [];
    switch (call.op) {
      case 'shouldAttempt':
        expectEqual(
          controller.shouldAttempt(backend, call.inputs, ...now),
          model.shouldAttempt(backend, call.inputs, at),
        );
        break;
      case 'recordFailedAttempt':
        expectEqual(
          controller.recordFailedAttempt(backend, call.failure, ...now),
          model.recordFailedAttempt(backend, call.failure, at),
        );
        break;
      case 'failedAttemptCount':
        expectEqual(controller.failedAttemptCount(backend, ...now), model.failedAttemptCount(backend, at));
        break;
      case 'fireDueTimers':
        clock.fireDue();
        break;
      case 'forget':
        controller.forget(backend);
        model.forget(backend);
        break;
      case 'restart': {
        const persisted = JSON.parse(JSON.stringify(controller.getPersistedSnapshot()));
        controller.dispose();
        clock.wallTime += call.wallMs;
        this.controller = HandoffController.restore(persisted, { policy: call.policy, clock });
        const { maxFailedAttemptsPerWindow, failedAttemptWindowMs } = this.controller.policy;
        this.model = model.restored(maxFailedAttemptsPerWindow, failedAttemptWindowMs, at, call.wallMs, at);
        break;
      }
      default:
        controller[call.op](backend, ...now);
        model[call.op](backend);
    }
    for (const one of BACKENDS) expectEqual(this.controller.stateOf(one), this.model.stateOf(one, at));
  }
}

describe('random runs of calls and times against the reference model', () => {
  it('gives the answers and states of the model', () => {
    let taken = 0;
    fc.assert(
      fc.property(
        policies,
        fc.array(steps, { maxLength: 60, size: 'max' }),
        fc.boolean(),
        (policy, run, withExplicitNow) => {
          const random = new RandomRun(policy);
          for (const step of run) random.take(step, withExplicitNow);
          taken += run.length;
          random.controller.dispose();
          expect(random.clock.pending).toEqual([]);
        },
      ),
      { numRuns: RUNS },
    );
    report(`random runs: ${RUNS} runs, ${taken} calls, 0 wrong`);
  });
});
