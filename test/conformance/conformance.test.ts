import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type HandoffAttemptDecision,
  type HandoffAttemptInputs,
  HandoffController,
  type HandoffFailure,
  HandoffFallbackPolicy,
} from '../../src';
import { report } from '../support/report';

interface Policy {
  readonly maxFailedAttemptsPerWindow: number;
  readonly failedAttemptWindowMs: number;
}

type Call = { readonly backend: string; readonly now: number; readonly expect?: unknown } & (
  | { readonly op: 'shouldAttempt'; readonly inputs: HandoffAttemptInputs }
  | { readonly op: 'recordFailedAttempt'; readonly failure: HandoffFailure }
  | { readonly op: 'recordSuccess' | 'failedAttemptCount' }
);

interface Trace {
  readonly trace: number;
  readonly policy: Policy;
  readonly clamped: Policy;
  readonly ops: readonly Call[];
}

function readTraces(name: string): Trace[] {
  const file = join(__dirname, '..', 'fixtures', 'conformance', `${name}.jsonl`);
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Trace);
}

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

  it.each(['forward-time', 'fractional-time', 'backward-time'])(
    '%s: every answer is the recorded one',
    (name) => {
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
    },
  );

  afterAll(() => report(`conformance: ${calls} recorded calls, 0 wrong (a wrong one fails the test)`));

  it('has run them all', () => {
    expect(calls).toBe(11_000);
  });
});
