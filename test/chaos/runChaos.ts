import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compile } from '../support/compiled';
import type { ChaosCounts } from './ChaosCounts';
import { ChaosLoad } from './ChaosLoad';
import { ChaosProcesses } from './ChaosProcesses';
import { ChaosSchedule } from './ChaosSchedule';
import { Random } from './Random';

const SERVICES = ['alpha', 'beta', 'gamma'] as const;
const CLIENTS = 12;
// The longest pause before a backend is started again, and a start.
const SETTLE_MS = 20_000;
const CLOSE_MS = 8000;
const STOP_MS = 15_000;
const LONGEST_DEAD_MS = 1500;

/** A run's result. */
export interface ChaosResult extends ChaosCounts {
  readonly seed: number;
  readonly faults: Readonly<Record<string, number>>;
  /** What each count that must be 0 and isn't comes from. */
  readonly problems: readonly string[];
  /** Where the logs are, if something was wrong. */
  readonly directory?: string;
}

/** Runs real processes under load while things go wrong, and counts what came of it. */
export async function runChaos(seed: number, durationMs: number): Promise<ChaosResult> {
  const directory = mkdtempSync(join(tmpdir(), 'hc-chaos-'));
  // First, since the compiler stays with sockets of its own.
  compile();
  const socketsBefore = ownSockets();
  const counts: ChaosCounts = {
    connections: 0,
    clientErrors: 0,
    bytesLost: 0,
    bytesDuplicated: 0,
    repliesDuplicated: 0,
    leakedFds: 0,
    leftoverProcesses: 0,
    wrongCharts: 0,
    maxRecoveryMs: 0,
    requestsCutByDeath: 0,
    clientsUnserved: 0,
  };
  // Apart, so that how fast clients are doesn't change what goes wrong.
  const random = { faults: new Random(seed), load: new Random(seed + 1), restarts: new Random(seed + 2) };
  const processes = new ChaosProcesses(directory, SERVICES);
  const load = new ChaosLoad(processes, SERVICES, random.load, counts);
  const schedule = new ChaosSchedule(processes, SERVICES, random.faults);
  const problems: string[] = load.problems;
  try {
    await processes.start(() => random.restarts.between(50, LONGEST_DEAD_MS));
    const clients = load.run(CLIENTS);
    await schedule.run(durationMs);
    // Faults that wait for a request have their chance, and what was killed is up again, while clients are at work.
    await processes.settle(SETTLE_MS);
    load.stop();
    await clients;
    const report = await processes.settle(SETTLE_MS);
    if (report === undefined) {
      counts.clientErrors += 1;
      problems.push('clientErrors: the broker never came to rest');
    } else {
      counts.wrongCharts = report.wrongCharts.length;
      problems.push(...report.wrongCharts.map((chart) => `wrongCharts: ${chart}`));
    }
    for (const [process, sockets] of await processes.leakedSockets(CLOSE_MS)) {
      counts.leakedFds += sockets;
      problems.push(`leakedFds: ${sockets} of ${process}`);
    }
    load.checkRecord(join(directory, 'record'));
  } finally {
    const left = await processes.end(STOP_MS);
    counts.leftoverProcesses = left.length;
    problems.push(...left.map((process) => `leftoverProcesses: ${process}`));
  }
  const ownLeak = (): number => Math.max(0, ownSockets() - socketsBefore);
  for (let tries = 0; ownLeak() > 0 && tries < 50; tries += 1) await sleep(20);
  if (ownLeak() > 0) problems.push(`leakedFds: ${ownLeak()} of the clients`);
  counts.leakedFds += ownLeak();
  const isClean = problems.length === 0;
  if (isClean) rmSync(directory, { recursive: true, force: true });
  return {
    seed,
    ...counts,
    faults: Object.fromEntries(Object.entries(schedule.faults).sort()),
    problems,
    ...(isClean ? {} : { directory }),
  };
}

function ownSockets(): number {
  return readdirSync('/proc/self/fd').filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).startsWith('socket:');
    } catch {
      // The one that the directory was read through.
      return false;
    }
  }).length;
}
