import fc from 'fast-check';
import { HANDOFF_FAILURES } from '../../machines';
import { HandoffAttemptInputs, HandoffController } from '../../src/index';

const KEY = { instance: 'shared', serviceName: 'echo', serviceVersion: '1.0.0' };
const ENDS = ['success', 'abandoned', 'adopted', 'spawned', 'count'] as const;
const ENABLED = HandoffAttemptInputs.enabled();

describe('hold', () => {
  it('shows a backend without any event to observers', () => {
    const controller = new HandoffController();
    const seen: string[] = [];
    controller.hold(KEY);
    controller.inspect(({ type, actorRef }) => {
      if (type === '@xstate.actor') seen.push('id' in actorRef ? String(actorRef.id) : '');
    });
    controller.hold(KEY);
    controller.hold('another');
    expect(seen).toEqual(['echo@1.0.0', 'another']);
    expect([...controller.backends()]).toEqual([KEY, 'another']);
    expect(controller.getPersistedSnapshot().backends).toEqual([]);
  });
});

describe('explain', () => {
  it('says why in the chart\u2019s words', () => {
    const controller = new HandoffController({ policy: { maxFailedAttemptsPerWindow: 2 } });
    expect(controller.explain(KEY, ENABLED, 0)).toEqual({
      decision: { type: 'attempt' },
      because: 'All checks passed: try to hand the connection over.',
      state: 'idle',
      stateMeans: 'Handoff is possible, and no attempt is in flight.',
    });
    expect([...controller.backends()]).toEqual([]);
    controller.recordFailedAttempt(KEY, 'permissionDenied', 0);
    controller.recordFailedAttempt(KEY, 'permissionDenied', 0);
    expect(controller.explain(KEY, ENABLED, 10_000)).toMatchObject({
      decision: { reason: 'failedAttemptRateLimited', retryAfterMs: 20_000 },
      because: 'Check 5: the window\u2019s budget of failed attempts is used up.',
      state: 'rateLimited',
      window: { failedAttempts: 2, remainingMs: 20_000 },
    });
    expect(controller.explain(KEY, ENABLED, 30_000)).toMatchObject({
      decision: { type: 'attempt' },
      state: 'idle',
    });
    for (const [inputs, because] of [
      [HandoffAttemptInputs.of(false, true, false), /^Check 1: the client/],
      [HandoffAttemptInputs.of(true, false, false), /^Check 2: the service/],
      [HandoffAttemptInputs.of(true, true, true), /^Check 3: .*file descriptors/],
      [HandoffAttemptInputs.adoptedBackend(true), /^Check 4: an earlier broker/],
    ] as const) {
      expect(controller.explain(KEY, inputs, 0).because).toMatch(because);
    }
  });

  it('gives the answer of shouldAttempt, and changes nothing', () => {
    const step = fc.oneof(
      fc.record({ call: fc.constant('request' as const) }),
      fc.record({ call: fc.constantFrom(...HANDOFF_FAILURES) }),
      fc.record({
        call: fc.constantFrom(...ENDS),
      }),
    );
    const inputs = fc.record(
      {
        clientSupportsHandoff: fc.boolean(),
        servicePolicyEnabled: fc.boolean(),
        fdPressureDisabled: fc.boolean(),
        backendAdoptedExisting: fc.boolean(),
      },
      { requiredKeys: ['clientSupportsHandoff', 'servicePolicyEnabled', 'fdPressureDisabled'] },
    );
    const steps = fc.array(fc.record({ step, inputs, wait: fc.nat(1500) }), { maxLength: 30 });
    const wallNow = () => 0;
    fc.assert(
      fc.property(steps, (run) => {
        let now = 0;
        const controller = new HandoffController({
          policy: { maxFailedAttemptsPerWindow: 2, failedAttemptWindowMs: 1000 },
          clock: { now: () => now, wallNow, setTimeout: () => 0, clearTimeout: () => undefined },
        });
        for (const {
          step: { call },
          inputs: asked,
          wait,
        } of run) {
          now += wait;
          const before = controller.getPersistedSnapshot();
          const { decision, because, state } = controller.explain(KEY, asked);
          expect(because).not.toBe('');
          expect(state).toBe(controller.stateOf(KEY));
          expect(controller.getPersistedSnapshot()).toEqual(before);
          switch (call) {
            case 'request':
              expect(controller.shouldAttempt(KEY, asked)).toEqual(decision);
              break;
            case 'success':
              controller.recordSuccess(KEY);
              break;
            case 'abandoned':
              controller.recordAbandonedAttempt(KEY);
              break;
            case 'adopted':
              controller.markAdopted(KEY);
              break;
            case 'spawned':
              controller.markSpawned(KEY);
              break;
            case 'count':
              controller.failedAttemptCount(KEY);
              break;
            default:
              controller.recordFailedAttempt(KEY, call);
          }
        }
        controller.dispose();
      }),
      { numRuns: 300 },
    );
  });
});
