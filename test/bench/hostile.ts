import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../src/client';
import { BrokerProcess } from '../e2e/support/BrokerProcess';
import { type Attack, BACKEND_ATTACKS, BROKER_ATTACKS, HostilePeers } from '../e2e/support/HostilePeers';
import { readAll } from '../e2e/support/readAll';
import { fixtureService } from '../e2e/support/TestBrokers';

const CONCURRENCY = 4;
/** Fewer places than attackers, so that all are taken; the same for the backend. */
const MAX_CONNECTIONS = 32;

/** Healthy clients' time from the connect to the last byte of the reply. */
export interface HealthyLatency {
  /** Clients that were served. */
  readonly clients: number;
  /** Milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** How healthy clients fare while hostile peers attack, and in the same rounds while none do. */
export interface HostileRow {
  readonly attack: Attack;
  /** Whose socket is attacked. */
  readonly target: 'broker' | 'backend';
  readonly calm: HealthyLatency;
  readonly attacked: HealthyLatency;
  /** `attacked` over `calm`. */
  readonly p50Ratio: number;
  readonly p99Ratio: number;
  /** Healthy clients that got an error or other bytes: should be 0. */
  readonly failures: number;
}

interface AttackToBench {
  readonly attack: Attack;
  readonly target: HostileRow['target'];
  readonly startPeers: () => Promise<HostilePeers>;
}

interface Measured {
  readonly latencies: number[];
  failures: number;
}

async function serveOne(socketPath: string, text: string, handoff: boolean): Promise<void> {
  const { socket } = await connect({
    socketPath,
    service: 'echo',
    earlyData: text,
    allowHalfOpen: true,
    handoff,
  });
  socket.end();
  const answer = String(await readAll(socket));
  if (answer !== text) throw new Error(`${answer} instead of ${text}`);
}

/** Healthy clients, each right behind the other, every other one by way of the endpoint. */
async function measure(socketPath: string, seconds: number, into: Measured): Promise<void> {
  const end = performance.now() + seconds * 1000;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      next += 1;
      const start = performance.now();
      try {
        await serveOne(socketPath, `healthy ${next}`, next % 2 === 0);
        into.latencies.push(performance.now() - start);
      } catch {
        into.failures += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

function latencyOf({ latencies }: Measured): HealthyLatency {
  const sorted = [...latencies].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { clients: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) };
}

async function benchAttack(
  brokerPath: string,
  { attack, target, startPeers }: AttackToBench,
  { rounds, seconds }: HostileBenchOptions,
): Promise<HostileRow> {
  const calm: Measured = { latencies: [], failures: 0 };
  const attacked: Measured = { latencies: [], failures: 0 };
  for (let round = 0; round < rounds; round += 1) {
    await measure(brokerPath, seconds, calm);
    const peers = await startPeers();
    try {
      await measure(brokerPath, seconds, attacked);
    } finally {
      await peers.stop();
    }
  }
  const [before, meanwhile] = [latencyOf(calm), latencyOf(attacked)];
  return {
    attack,
    target,
    calm: before,
    attacked: meanwhile,
    p50Ratio: meanwhile.p50Ms / before.p50Ms,
    p99Ratio: meanwhile.p99Ms / before.p99Ms,
    failures: calm.failures + attacked.failures,
  };
}

export interface HostileBenchOptions {
  /** Rounds for each attack, from 1; each has a calm part and one under attack. */
  readonly rounds: number;
  /** Length of each part of a round, in seconds. */
  readonly seconds: number;
}

/**
 * How long healthy clients wait while hostile peers attack: one row for each attack. A broker, a backend and 64 attackers, each
 * in a process of its own; the healthy clients are in this one.
 */
export async function benchHostile(options: HostileBenchOptions): Promise<HostileRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'hc-bench-'));
  const socketPath = join(directory, 'broker.sock');
  const rows: HostileRow[] = [];
  const { broker, backends } = await BrokerProcess.start({
    socketPath,
    services: [fixtureService('fewVisitors')],
    endpointDirectory: directory,
    maxConnections: MAX_CONNECTIONS,
  });
  try {
    const [{ backend, endpoint } = { backend: '', endpoint: '' }] = backends;
    const attacks: AttackToBench[] = [
      ...BROKER_ATTACKS.map((attack) => ({
        attack,
        target: 'broker' as const,
        startPeers: () => HostilePeers.start(attack, socketPath),
      })),
      ...BACKEND_ATTACKS.map((attack) => ({
        attack,
        target: 'backend' as const,
        startPeers: () => HostilePeers.start(attack, endpoint, backend),
      })),
    ];
    for (const attack of attacks) rows.push(await benchAttack(socketPath, attack, options));
  } finally {
    await broker.kill();
    for (const { pid } of backends) process.kill(pid, 'SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
  return rows;
}
