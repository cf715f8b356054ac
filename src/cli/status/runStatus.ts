import { setTimeout as delay } from 'node:timers/promises';
import ms from 'ms';
import { replicaName } from '../../controller/BackendKey';
import type { BackendSummary } from '../../protocol/brokerStatus';
import { type BackendRow, backendTable } from '../backendTable';
import { colorsFor } from '../colorsFor';
import { LiveView } from '../LiveView';
import { askStatus, type BrokerReport } from './askStatus';

/** Width without a terminal, in columns. */
const PLAIN_WIDTH = 160;

export interface StatusOptions {
  readonly socketPath: string;
  /** Print one JSON object per line instead of a table. */
  readonly json: boolean;
  /** Refresh interval in milliseconds; undefined: print once. */
  readonly watchMs: number | undefined;
  /** Ends the watch. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Prints a broker's status, once or until `signal` aborts. While watching, it waits for a broker that stops to come back.
 * @throws {Error} the first status can't be read (the promise rejects)
 */
export async function runStatus({ socketPath, json, watchMs, signal }: StatusOptions): Promise<void> {
  const first = await askStatus(socketPath, signal).catch((error: unknown) => {
    if (!signal?.aborted) throw error;
  });
  if (first === undefined) return;
  if (watchMs === undefined) {
    const width = process.stdout.columns ?? PLAIN_WIDTH;
    process.stdout.write(`${json ? JSON.stringify(first) : renderStatus(first, width)}\n`);
    return;
  }
  // The reader has closed the pipe.
  process.stdout.once('error', () => process.exit());
  const view = new LiveView(process.stdout, 0);
  let report: BrokerReport | Error = first;
  for (;;) {
    const latest = report;
    if (latest instanceof Error) {
      if (json) process.stdout.write(`${JSON.stringify({ error: latest.message })}\n`);
      else view.show(() => latest.message);
    } else if (json) process.stdout.write(`${JSON.stringify(latest)}\n`);
    else view.show((width) => renderStatus(latest, width));
    await delay(watchMs, undefined, { signal }).catch(() => {});
    report = await askStatus(socketPath, signal).catch((error: Error) => error);
    if (signal?.aborted) return;
  }
}

function toRow({ service, version, replica, state, process, window, ...rest }: BackendSummary): BackendRow {
  return {
    name: replicaName({ serviceName: service, serviceVersion: version, replica }),
    state: process === 'ready' ? state : process,
    attempts: rest.attempts,
    failures: window?.failedAttempts ?? 0,
    retryAfterMs: rest.next.retryAfterMs,
    handedOff: rest.handedOff,
    reconnected: rest.reconnected,
  };
}

function listOf(what: string, counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts);
  const total = entries.reduce((sum, [, count]) => sum + count, 0);
  const parts = entries.map(([name, count]) => `${count} ${name}`);
  return parts.length === 0 ? `0 ${what}` : `${total} ${what} (${parts.join(', ')})`;
}

function renderStatus({ broker, backends }: BrokerReport, width: number): string {
  const { policy, stats, fd, limitation } = broker;
  const policyText = `${policy.maxFailedAttemptsPerWindow} failed attempts per ${ms(policy.failedAttemptWindowMs)}`;
  const facts = [
    `broker ${broker.instance}, process ${broker.pid}, up ${ms(broker.uptimeMs)}`,
    policyText,
    ...(fd === undefined ? [] : [`${fd.open} of ${fd.limit} descriptors`]),
  ];
  return [
    facts.join('; '),
    ...(limitation === undefined ? [] : [limitation]),
    `${stats.connections} connections: ${stats.handedOff} handed off, ${listOf('reconnected', stats.reconnected)}, ${listOf('errors', stats.errors)}`,
    '',
    backendTable(backends.map(toRow), policy.maxFailedAttemptsPerWindow, width, colorsFor(process.stdout)),
  ].join('\n');
}
