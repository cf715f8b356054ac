import type { ReconnectReason } from '../../../machines/vocabulary';
import type { BackendKey, HandoffFailure } from '../../index';
import type { TransferState } from '../transfers/TransferTable';

/** A client's route to its backend is decided. */
export interface RouteEvent {
  /** Id of the client's `hello`. */
  readonly connectionId: string;
  readonly backend: BackendKey;
  readonly route: 'handedOff' | 'reconnected';
  /** Why it wasn't handed off. Only with `reconnected`. */
  readonly reason?: ReconnectReason;
  /** Milliseconds until the window ends. Only with `failedAttemptRateLimited`. */
  readonly retryAfterMs?: number;
  readonly earlyDataBytes: number;
  /** Milliseconds since the client's `hello` was complete. */
  readonly elapsedMs: number;
  /** The client's trace context in the format of W3C's `traceparent` header. Omitted if it sent none. */
  readonly traceparent?: string;
}

/** A transfer entered a new state. */
export interface TransferEvent {
  readonly connectionId: string;
  readonly backend: BackendKey;
  readonly state: TransferState;
  /** Milliseconds since the transfer was issued. */
  readonly elapsedMs: number;
  /** Only with `failed`. */
  readonly failure?: HandoffFailure;
  /** The client's trace context. Omitted if it sent none. */
  readonly traceparent?: string;
}

/** A backend process accepts connections: it has started, or was adopted. */
export interface BackendReadyEvent {
  readonly backend: BackendKey;
  readonly pid: number;
  readonly endpoint: string;
  readonly adopted: boolean;
}

/** Connections can be handed to an adopted process. */
export interface BackendRejoinedEvent {
  readonly backend: BackendKey;
  readonly pid: number;
  readonly endpoint: string;
}

/** A backend process has ended. */
export interface BackendExitEvent {
  readonly backend: BackendKey;
  /** Undefined if the process couldn't be started. */
  readonly pid: number | undefined;
  readonly adopted: boolean;
  /** Null if a signal ended it, if it was adopted, or if it couldn't be started. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Milliseconds from the loss of the process to the start of its successor. Omitted if none is planned. */
  readonly restartInMs?: number;
}

/**
 * - `adoptionRefused`: a process wasn't adopted: it is gone, isn't the recorded one, or belongs to no service of this broker.
 * - `stateDamaged`: a file in `stateDirectory` is damaged and was renamed to `*.damaged`.
 * - `stateNotWritten`: a file in `stateDirectory` can't be written. The broker retries, and starts no process until it
 *   succeeds. Emitted once.
 * - `stateWritten`: after `stateNotWritten`, everything in `stateDirectory` was written.
 * - `startFailed`: a restart of a backend failed; the broker retries.
 * - `unknownAnswer`: a backend's answer was unexpected: for an unknown or another backend's transfer, repeated, or malformed.
 * - `serverError`: the listening socket failed.
 * - `groupWritable`: members of the user's group can replace one of the broker's directories.
 * - `checkFailed`: `adjustInputs` or `fdPressure` threw or returned an invalid value. The client reconnects.
 * - `listenerFailed`: an event listener or an observer of the charts threw or rejected.
 * - `slowTransport`: the transport lacks something on this system; the message names the effect.
 * - `channelFailed`: no channel to a process could be opened: its clients reconnect. Emitted once until there is one.
 * - `clockFailed`: `clock` threw or returned an invalid time; the last valid time is used.
 * - `transportFailed`: `transport` threw, rejected, or returned an invalid value.
 * - `internalError`: another failure that must not end the broker. If it concerns a client connection, that is closed.
 */
export type BrokerWarningCode =
  | 'adoptionRefused'
  | 'startFailed'
  | 'unknownAnswer'
  | 'serverError'
  | 'checkFailed'
  | 'listenerFailed'
  | 'slowTransport'
  | 'channelFailed'
  | 'clockFailed'
  | 'transportFailed'
  | 'internalError'
  | 'stateDamaged'
  | 'stateNotWritten'
  | 'stateWritten'
  | 'groupWritable';

/** A problem that doesn't stop the broker. */
export interface BrokerWarning {
  readonly code: BrokerWarningCode;
  readonly message: string;
  readonly backend?: BackendKey;
  readonly cause?: unknown;
}

/** The events of a broker, with their arguments. */
export interface BrokerEvents {
  route: [RouteEvent];
  transfer: [TransferEvent];
  backendReady: [BackendReadyEvent];
  backendRejoined: [BackendRejoinedEvent];
  backendExit: [BackendExitEvent];
  warning: [BrokerWarning];
}
