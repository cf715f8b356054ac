import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { askTimeout, isAskBroken } from '../../protocol/askEndpoint';
import type { FrameOf } from '../../protocol/frame';
import { type ProbedBackend, probeBackend } from './probeBackend';

const PROBE_PAUSE_MS = 50;

/** The process that is meant. */
export interface ExpectedProcess {
  readonly endpoint: string;
  /** What is different about one that answers; undefined if it's the one. */
  differenceOf(found: FrameOf<'identity'>): string | undefined;
  /** Whether it runs, as far as that can be told. */
  isThere(): boolean;
}

/**
 * Makes sure that the process at an endpoint is the one that is meant.
 *
 * @param timeoutMs milliseconds that it has to answer.
 * @returns the connection whose end says that it takes no more of them.
 * @throws {Error} if it isn't (the promise rejects).
 */
export async function verifyProcess(expected: ExpectedProcess, timeoutMs: number): Promise<Socket> {
  const { identity, watch } = await probeUntilAnswered(expected, timeoutMs);
  const difference = expected.differenceOf(identity);
  if (difference !== undefined) {
    watch.destroy();
    throw new Error(`another process listens at ${expected.endpoint}: ${difference}`);
  }
  return watch;
}

async function probeUntilAnswered(expected: ExpectedProcess, timeoutMs: number): Promise<ProbedBackend> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await probeBackend(expected.endpoint, Math.max(1, end - performance.now()));
    } catch (error) {
      // A process that is taken for gone because of one connection would run beside its successor.
      if (!isAskBroken(error) || !expected.isThere()) throw error;
      if (performance.now() + PROBE_PAUSE_MS >= end) throw askTimeout(expected.endpoint, timeoutMs);
      await sleep(PROBE_PAUSE_MS);
    }
  }
}
