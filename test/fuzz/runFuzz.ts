import { type FuzzTarget, fuzzAnswers, fuzzFrames, fuzzMessages, fuzzRecords } from './parserTargets';
import { SeededRandom } from './SeededRandom';
import { SocketTarget } from './SocketTarget';

const MAX_FINDINGS = 10;
/** Of so many runs one goes over a real socket, and that many at a time. */
const SOCKET_SHARE = 500;
const SOCKETS_AT_ONCE = 32;

const PARSERS: readonly [[string, FuzzTarget], ...[string, FuzzTarget][]] = [
  ['frames', fuzzFrames],
  ['frames', fuzzFrames],
  ['messages', fuzzMessages],
  ['answers', fuzzAnswers],
  ['records', fuzzRecords],
];

export interface FuzzOptions {
  readonly seed: number;
  readonly runs: number;
  /** Number of the first run: a finding's own, to see it again. */
  readonly first: number;
  /** Told now and then how many runs are done. */
  readonly onProgress: (runs: number) => void;
}

export interface FuzzFinding {
  readonly run: number;
  readonly target: string;
  readonly error: string;
}

export interface FuzzSummary {
  readonly seed: number;
  readonly runs: number;
  /** How many runs each target had. */
  readonly targets: Readonly<Record<string, number>>;
  readonly durationMs: number;
  readonly findings: readonly FuzzFinding[];
}

/** Feeds mutated and random input to what reads it; the input depends on the seed and a run's number alone. */
export async function runFuzz({ seed, runs, first, onProgress }: FuzzOptions): Promise<FuzzSummary> {
  const start = performance.now();
  const targets = new Map<string, number>();
  const countRun = (target: string): void => void targets.set(target, (targets.get(target) ?? 0) + 1);
  const findings: FuzzFinding[] = [];
  const find = (run: number, target: string, error: unknown): void => {
    findings.push({
      run,
      target,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  };
  // What is thrown where nobody waits for it is a finding too.
  const onUncaught = (error: unknown): void => find(-1, 'uncaught', error);
  process.on('uncaughtException', onUncaught);
  const sockets = new SocketTarget();
  await sockets.start();
  const pending = new Set<Promise<void>>();
  let done = 0;
  try {
    for (; done < runs && findings.length < MAX_FINDINGS; done += 1) {
      const run = first + done;
      const random = new SeededRandom(seed, run);
      if (run % SOCKET_SHARE === 0) {
        countRun('sockets');
        const client = sockets
          .bytes(random)
          .catch((error) => find(run, 'sockets', error))
          .finally(() => pending.delete(client));
        pending.add(client);
        if (pending.size >= SOCKETS_AT_ONCE) await Promise.race(pending);
        // All the other runs are one turn of the loop: what sockets have to say is to be heard now and then.
        await new Promise(setImmediate);
        onProgress(done);
        continue;
      }
      const isForBackend = random.once(8);
      const [name, target] = random.pick(PARSERS);
      const label = isForBackend ? 'backend' : name;
      countRun(label);
      try {
        if (isForBackend) sockets.message(random);
        else target(random);
      } catch (error) {
        find(run, label, error);
      }
    }
    await Promise.all(pending);
    await sockets.check().catch((error) => find(first + done, 'check', error));
  } finally {
    await sockets.stop();
    process.off('uncaughtException', onUncaught);
  }
  return {
    seed,
    runs: done,
    targets: Object.fromEntries(targets),
    durationMs: Math.round(performance.now() - start),
    findings,
  };
}
