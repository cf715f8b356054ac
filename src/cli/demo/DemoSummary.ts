import type { BackendStatus, BrokerStats, ReconnectReason } from '../../broker';
import type { HandoffFallbackPolicyOptions } from '../../index';
import type { DemoBrokerReport, DemoClientsReport } from './demoMessages';

/** The output of `demo --json`. */
export interface DemoSummary {
  /** How long clients ran, in milliseconds. */
  readonly durationMs: number;
  readonly policy: HandoffFallbackPolicyOptions;
  /** Calls of `connect`. */
  readonly connections: number;
  readonly handedOff: number;
  /** Reconnects by reason. */
  readonly reconnected: Partial<Record<ReconnectReason, number>>;
  readonly clientErrors: number;
  readonly lastError?: string;
  /** Application bytes sent on opened connections. */
  readonly bytesSent: number;
  /** Bytes that came back once and in order. */
  readonly bytesReceived: number;
  readonly bytesLost: number;
  /** Median milliseconds from `connect` to the first reply byte; null without such a connection. */
  readonly medianMs: { readonly handedOff: number | null; readonly reconnected: number | null };
  /** The broker's status at the end. */
  readonly backends: readonly BackendStatus[];
  readonly broker: BrokerStats | null;
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}

function sum(
  reports: readonly DemoClientsReport[],
  field: 'connections' | 'handedOff' | 'clientErrors' | 'bytesSent' | 'bytesReceived' | 'bytesLost',
): number {
  return reports.reduce((total, report) => total + report[field], 0);
}

/** Adds up the last reports of the client processes and the broker. */
export function summarize(
  durationMs: number,
  policy: HandoffFallbackPolicyOptions,
  clients: readonly DemoClientsReport[],
  broker: DemoBrokerReport | undefined,
): DemoSummary {
  const reconnected: Partial<Record<ReconnectReason, number>> = {};
  for (const report of clients) {
    for (const [reason, count] of Object.entries(report.reconnected) as [ReconnectReason, number][]) {
      reconnected[reason] = (reconnected[reason] ?? 0) + count;
    }
  }
  const lastError = clients.find((report) => report.lastError !== undefined)?.lastError;
  return {
    durationMs: Math.round(durationMs),
    policy,
    connections: sum(clients, 'connections'),
    handedOff: sum(clients, 'handedOff'),
    reconnected,
    clientErrors: sum(clients, 'clientErrors'),
    ...(lastError !== undefined && { lastError }),
    bytesSent: sum(clients, 'bytesSent'),
    bytesReceived: sum(clients, 'bytesReceived'),
    bytesLost: sum(clients, 'bytesLost'),
    medianMs: {
      handedOff: median(clients.flatMap(({ latencyMs }) => latencyMs?.handedOff ?? [])),
      reconnected: median(clients.flatMap(({ latencyMs }) => latencyMs?.reconnected ?? [])),
    },
    backends: broker?.backends ?? [],
    broker: broker?.stats ?? null,
  };
}
