import type { BackendStatus, BrokerStats, ReconnectReason } from '../../broker';
import type { HandoffFallbackPolicyOptions } from '../../index';

/** What the demo's main process tells its broker process when it starts it. */
export interface DemoBrokerStart {
  readonly type: 'start';
  readonly socketPath: string;
  readonly endpointDirectory: string;
  readonly policy: HandoffFallbackPolicyOptions;
  /** TCP port of the viewer on 127.0.0.1, 0 for any free one. Left out: no viewer. */
  readonly viewerPort?: number | undefined;
}

/** What the demo's main process tells a client process when it starts it. */
export interface DemoClientsStart {
  readonly type: 'start';
  readonly socketPath: string;
  readonly clients: number;
  /** Whether these clients can go on over a connection that is handed over. */
  readonly handoff: boolean;
}

/** What the demo's clients measured since the last message: milliseconds from the call to the first reply byte. */
export interface DemoLatencies {
  readonly type: 'latencies';
  readonly handedOff: readonly number[];
  readonly reconnected: readonly number[];
}

/** Finish what is in flight, report, and end. */
export interface DemoStop {
  readonly type: 'stop';
}

export interface DemoBrokerReport {
  readonly type: 'broker';
  readonly backends: readonly BackendStatus[];
  readonly stats: BrokerStats;
}

/** The sums of one client process so far. */
export interface DemoClientsReport {
  readonly type: 'clients';
  readonly connections: number;
  readonly handedOff: number;
  readonly reconnected: Partial<Record<ReconnectReason, number>>;
  readonly clientErrors: number;
  /** The last error's message, for people. */
  readonly lastError?: string;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly bytesLost: number;
  /** Milliseconds from the call to the first reply byte, of the connections since the last report. */
  readonly recentMs: { readonly handedOff: readonly number[]; readonly reconnected: readonly number[] };
  /** Milliseconds from the call to the first reply byte, of at most 2,000 connections per route. Only in the last report. */
  readonly latencyMs?: { readonly handedOff: readonly number[]; readonly reconnected: readonly number[] };
}

/** A child is ready for work. */
export interface DemoReady {
  readonly type: 'ready';
  /** Where the viewer is, if there is one. */
  readonly viewerUrl?: string | undefined;
}
