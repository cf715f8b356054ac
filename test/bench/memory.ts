import { Session } from 'node:inspector/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { HandoffAttemptInputs, HandoffController } from '../../src';

const ENABLED = HandoffAttemptInputs.enabled();

function heapBytes(): number {
  global.gc?.();
  return process.memoryUsage().heapUsed;
}

/** Bytes of one backend with a failure counted, its key included. Needs `--expose-gc`. */
export function bytesPerBackend(count: number): number {
  const controller = new HandoffController({ maxBackends: count });
  const before = heapBytes();
  for (let n = 0; n < count; n++) controller.recordFailedAttempt(`service-${n}`, 'backendAckTimeout', 1);
  const after = heapBytes();
  controller.dispose();
  return (after - before) / count;
}

/** Bytes that a decision allocates, by a sampling heap profile that counts what has been collected too. */
export async function bytesPerDecision(decisions: number): Promise<{ attempt: number; rateLimited: number }> {
  const session = new Session();
  session.connect();
  const controller = new HandoffController({ policy: { maxFailedAttemptsPerWindow: 1 } });
  controller.recordFailedAttempt('limited', 'backendAckTimeout', 1);
  const profile = async (backend: string): Promise<number> => {
    const decide = (count: number): void => {
      for (let n = 0; n < count; n++) controller.shouldAttempt(backend, ENABLED, 2);
    };
    decide(100_000);
    await session.post('HeapProfiler.startSampling', {
      samplingInterval: 16_384,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    } as object);
    decide(decisions);
    const { profile: result } = await session.post('HeapProfiler.stopSampling');
    const { samples } = result as typeof result & { samples: readonly { size: number }[] };
    return samples.reduce((sum, { size }) => sum + size, 0) / decisions;
  };
  const found = { attempt: await profile('healthy'), rateLimited: await profile('limited') };
  session.disconnect();
  controller.dispose();
  return found;
}

/** The longest that the event loop was blocked while the windows of `count` backends ended together, in milliseconds. */
export async function blockedByWindowEnds(count: number): Promise<number> {
  const windowMs = 4_000;
  const controller = new HandoffController({
    policy: { failedAttemptWindowMs: windowMs },
    maxBackends: count,
  });
  const now = performance.now();
  // All at one moment, however long it takes to say so.
  for (let n = 0; n < count; n++) controller.recordFailedAttempt(`service-${n}`, 'backendAckTimeout', now);
  await new Promise((resolve) => setTimeout(resolve, 100));
  global.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 10));
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const last = controller.actorOf(`service-${count - 1}`);
  await new Promise<void>((resolve) => {
    const keepAlive = setInterval(() => undefined, 1_000);
    last.subscribe(({ value }) => {
      if (value.window !== 'elapsed') return;
      clearInterval(keepAlive);
      resolve();
    });
  });
  delay.disable();
  controller.dispose();
  return delay.max / 1e6;
}
