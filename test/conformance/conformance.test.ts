import { type HandoffAttemptDecision, HandoffController, HandoffFallbackPolicy } from '../../src';
import { report } from '../support/report';
import { type Call, readTraces, TRACE_FILES } from './readTraces';

/** What a trace records of a decision: of an attempt's failure it leaves out what every fallback carries. */
function recorded(decision: HandoffAttemptDecision): object {
  if (decision.type === 'attempt') return decision;
  const { usesBackendReconnect, sendsClientError, ...rest } = decision;
  expect({ usesBackendReconnect, sendsClientError }).toEqual({
    usesBackendReconnect: true,
    sendsClientError: false,
  });
  return rest;
}

function answer(controller: HandoffController, call: Call): unknown {
  switch (call.op) {
    case 'shouldAttempt':
      return recorded(controller.shouldAttempt(call.backend, call.inputs, call.now));
    case 'recordFailedAttempt':
      return recorded(controller.recordFailedAttempt(call.backend, call.failure, call.now));
    case 'recordSuccess':
      return controller.recordSuccess(call.backend, call.now);
    case 'failedAttemptCount':
      return controller.failedAttemptCount(call.backend, call.now);
  }
}

describe('the recorded traces of the reference', () => {
  let calls = 0;

  it.each(TRACE_FILES)('%s: every answer is the recorded one', (name) => {
    for (const { trace, policy, clamped, ops } of readTraces(name)) {
      const controller = new HandoffController({ policy: new HandoffFallbackPolicy(policy) });
      expect({ ...controller.policy }).toEqual(clamped);
      for (const [index, call] of ops.entries()) {
        calls++;
        expect({ trace, index, answer: answer(controller, call) }).toEqual({
          trace,
          index,
          answer: call.expect,
        });
      }
      controller.dispose();
    }
  });

  afterAll(() => report(`conformance: ${calls} recorded calls, 0 wrong (a wrong one fails the test)`));

  it('has run them all', () => {
    expect(calls).toBe(11_000);
  });
});
