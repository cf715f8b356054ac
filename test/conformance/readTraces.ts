import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HandoffAttemptInputs, HandoffFailure } from '../../src';

export const TRACE_FILES = ['forward-time', 'fractional-time', 'backward-time'] as const;

interface Policy {
  readonly maxFailedAttemptsPerWindow: number;
  readonly failedAttemptWindowMs: number;
}

/** A recorded call. */
export type Call = { readonly backend: string; readonly now: number; readonly expect?: unknown } & (
  | { readonly op: 'shouldAttempt'; readonly inputs: HandoffAttemptInputs }
  | { readonly op: 'recordFailedAttempt'; readonly failure: HandoffFailure }
  | { readonly op: 'recordSuccess' | 'failedAttemptCount' }
);

export interface Trace {
  readonly trace: number;
  readonly policy: Policy;
  readonly clamped: Policy;
  readonly ops: readonly Call[];
}

/** The traces of one of the files. */
export function readTraces(name: string): Trace[] {
  const file = join(__dirname, '..', 'fixtures', 'conformance', `${name}.jsonl`);
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Trace);
}
