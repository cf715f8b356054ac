import type { BackendHandoffState, BackendProcessState } from '../../../machines';
import type { ReconnectReason } from '../../../machines/vocabulary';
import type { BackendKey, FailedAttemptWindow } from '../../index';
import type { BrokerClientErrorCode } from '../../protocol/errorCodes';

/** The current status of a backend. */
export interface BackendStatus {
  readonly backend: BackendKey;
  readonly pid: number | undefined;
  /** The state of the process. */
  readonly process: BackendProcessState;
  /** The state of the backend's chart. */
  readonly state: BackendHandoffState;
  readonly endpoint: string | undefined;
  readonly adopted: boolean;
  /** The failed-attempt window; omitted if none is open. */
  readonly window?: FailedAttemptWindow;
  /** Whether the service's policy allows handoff. */
  readonly handoffEnabled: boolean;
  /** Handoff attempts since the broker's start, of all backends that the service has had. */
  readonly attempts: number;
  /** Connections that the process has open, as far as is known: as it reported, and those sent to it since then. */
  readonly openConnections: number;
  /** Transfers that haven't ended, including queued ones. */
  readonly inFlight: number;
  /** Transfers that wait in the queue. */
  readonly queued: number;
  /** Decided routes since the broker's start, of all backends that the service has had. */
  readonly routes: {
    readonly handedOff: number;
    /** By reason; reasons that didn't occur are omitted. */
    readonly reconnected: Readonly<Partial<Record<ReconnectReason, number>>>;
  };
}

/** Counts since the broker's start. */
export interface BrokerStats {
  /** Accepted connections. */
  readonly connections: number;
  /** Handoffs acknowledged in time. */
  readonly handedOff: number;
  /** Reconnects by reason; reasons that didn't occur are omitted. */
  readonly reconnected: Readonly<Partial<Record<ReconnectReason, number>>>;
  /** Transfers that ended with neither success nor failure. */
  readonly abandoned: number;
  /** Clients that left before their route was decided. */
  readonly clientsLeft: number;
  /** `error` frames sent, by code; codes that didn't occur are omitted. */
  readonly errors: Readonly<Partial<Record<BrokerClientErrorCode, number>>>;
  /** Acknowledgements after the deadline. */
  readonly lateAcks: number;
  /** Repeated answers of a backend for the same transfer. */
  readonly replayedAcks: number;
  /** Answers of a backend for another backend's transfer. */
  readonly foreignAcks: number;
  /** Answers of backends for an unknown transfer, or for one issued more than two minutes ago. */
  readonly unknownAcks: number;
  /** Malformed answers of backends. */
  readonly malformedAcks: number;
}
