import type { BackendHandoffState, BackendProcessState } from '../../../machines';
import type { ReconnectReason } from '../../../machines/vocabulary';
import type { BackendKey, FailedAttemptWindow } from '../../index';
import type { BrokerClientErrorCode } from '../../protocol/errorCodes';

/** A backend as it is now. */
export interface BackendStatus {
  readonly backend: BackendKey;
  readonly pid: number | undefined;
  /** What the process does. */
  readonly process: BackendProcessState;
  /** The state of the backend's chart. */
  readonly state: BackendHandoffState;
  readonly endpoint: string | undefined;
  readonly adopted: boolean;
  /** The window of failed attempts, if one is open. */
  readonly window?: FailedAttemptWindow;
  /** Whether the service's policy allows handoff. */
  readonly handoffEnabled: boolean;
  /** Tries at handing a connection over, since the broker's start: those of all backends that the service has had. */
  readonly attempts: number;
  /** Transfers that have not ended, those in the queue included. */
  readonly inFlight: number;
  /** Transfers that wait for their turn. */
  readonly queued: number;
  /** Of all backends that the service has had, as well. */
  readonly routes: {
    readonly handedOff: number;
    /** By reason; a reason that didn't occur is left out. */
    readonly reconnected: Readonly<Partial<Record<ReconnectReason, number>>>;
  };
}

/** Counts since the broker's start. */
export interface BrokerStats {
  /** Connections that were accepted. */
  readonly connections: number;
  /** Acknowledged by a backend in time. */
  readonly handedOff: number;
  /** Sent to a backend's endpoint, by reason; a reason that didn't occur is left out. */
  readonly reconnected: Readonly<Partial<Record<ReconnectReason, number>>>;
  /** Transfers that ended with neither success nor failure. */
  readonly abandoned: number;
  /** Clients that left before their way was decided. */
  readonly clientsLeft: number;
  /** `error` frames sent, by code; a code that didn't occur is left out. */
  readonly errors: Readonly<Partial<Record<BrokerClientErrorCode, number>>>;
  /** Acknowledgements that came after the deadline. */
  readonly lateAcks: number;
  /** Answers of a backend for a transfer that it had answered for already. */
  readonly replayedAcks: number;
  /** Answers of a backend for a transfer to another one. */
  readonly foreignAcks: number;
  /** Answers of backends that belong to no transfer, or to one of more than two minutes ago. */
  readonly unknownAcks: number;
  /** Messages of backends that say they are answers and make no sense. */
  readonly malformedAcks: number;
}
