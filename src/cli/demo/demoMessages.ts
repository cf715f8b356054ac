import type { BackendStatus, BrokerStats, ReconnectReason } from '../../broker';
import type { HandoffFallbackPolicyOptions } from '../../index';

/** Starts the demo's broker process. */
export interface DemoBrokerStart {
  readonly type: 'start';
  readonly socketPath: string;
  readonly endpointDirectory: string;
  readonly policy: HandoffFallbackPolicyOptions;
  /** TCP port of the viewer on 127.0.0.1, 0 for any free one. Omitted: no viewer. */
  readonly viewerPort?: number | undefined;
}

/** Starts a client process of the demo. */
export interface DemoClientsStart {
  readonly type: 'start';
  readonly socketPath: string;
  readonly clients: number;
  /** Whether these clients support handoff. */
  readonly handoff: boolean;
}

/** Latencies since the last message: milliseconds from `connect` to the first reply byte. */
export interface DemoLatencies {
  readonly type: 'latencies';
  readonly handedOff: readonly number[];
  readonly reconnected: readonly number[];
}

/** Finish the connections in flight, send a last report and exit. */
export interface DemoStop {
  readonly type: 'stop';
}

export interface DemoBrokerReport {
  readonly type: 'broker';
  readonly backends: readonly BackendStatus[];
  readonly stats: BrokerStats;
}

/** The sums of one client process since its start. */
export interface DemoClientsReport {
  readonly type: 'clients';
  readonly connections: number;
  readonly handedOff: number;
  readonly reconnected: Partial<Record<ReconnectReason, number>>;
  readonly clientErrors: number;
  /** The message of the last error. */
  readonly lastError?: string;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly bytesLost: number;
  /** Milliseconds from the call to the first reply byte, of the connections since the last report. */
  readonly recentMs: { readonly handedOff: readonly number[]; readonly reconnected: readonly number[] };
  /** Milliseconds from the call to the first reply byte, of at most 2,000 connections per route. Only in the last report. */
  readonly latencyMs?: { readonly handedOff: readonly number[]; readonly reconnected: readonly number[] };
}

/** A child process is ready. */
export interface DemoReady {
  readonly type: 'ready';
  /** Address of the viewer, if there is one. */
  readonly viewerUrl?: string | undefined;
}
