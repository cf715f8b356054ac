import type { ReconnectReason } from '../../../machines/vocabulary';
import type { BackendKey, HandoffFailure } from '../../index';
import type { TransferState } from '../transfers/TransferTable';

/** A client's way to its backend is decided. */
export interface RouteEvent {
  /** Id of the client's `hello`. */
  readonly connectionId: string;
  readonly backend: BackendKey;
  readonly route: 'handedOff' | 'reconnected';
  /** Why it was not handed off. Only with `reconnected`. */
  readonly reason?: ReconnectReason;
  /** Milliseconds. Only with `failedAttemptRateLimited`. */
  readonly retryAfterMs?: number;
  readonly earlyDataBytes: number;
  /** Milliseconds since the client's `hello` was complete. */
  readonly elapsedMs: number;
  /** The client's trace context, in the form of W3C's `traceparent` header. Left out if it gave none. */
  readonly traceparent?: string;
}

/** A transfer came to a new state. */
export interface TransferEvent {
  readonly connectionId: string;
  readonly backend: BackendKey;
  readonly state: TransferState;
  /** Milliseconds since the transfer was issued. */
  readonly elapsedMs: number;
  /** Only with `failed`. */
  readonly failure?: HandoffFailure;
  /** The client's trace context. Left out if it gave none. */
  readonly traceparent?: string;
}

/** A backend process accepts connections. */
export interface BackendReadyEvent {
  readonly backend: BackendKey;
  readonly pid: number;
  readonly endpoint: string;
  readonly adopted: boolean;
}

/** A backend process is gone. */
export interface BackendExitEvent {
  readonly backend: BackendKey;
  /** Undefined if it couldn't be started. */
  readonly pid: number | undefined;
  readonly adopted: boolean;
  /** Null for a signal, for an adopted process, and for one that couldn't be started. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Milliseconds from the loss of the process to the start of its successor. Left out if there is none. */
  readonly restartInMs?: number;
}

/**
 * - `adoptionRefused`: a backend to adopt isn't what it's said to be, or isn't of a service of this broker.
 * - `stateDamaged`: a file in `stateDirectory` couldn't be used and was set aside.
 * - `stateNotWritten`: a file in `stateDirectory` couldn't be written; it's tried again, and until it can be no process is
 *   started. Told once.
 * - `stateWritten`: since then everything in `stateDirectory` could be written.
 * - `startFailed`: a restart of a backend failed; it will be tried again.
 * - `unknownAnswer`: a backend answered what nobody waits for: for no transfer, for another's, twice, or nonsense.
 * - `serverError`: the listening socket failed.
 * - `groupWritable`: members of the user's own group can put another directory in the place of one of the broker's.
 * - `checkFailed`: `adjustInputs` or `fdPressure` threw or gave what isn't valid, a promise for instance; the client
 *   reconnects.
 * - `listenerFailed`: a listener of an event, or an observer of the charts, threw or rejected.
 * - `slowTransport`: the transport can't do here what it does elsewhere; the message says what that costs.
 * - `clockFailed`: `clock` threw or gave what isn't a time; the last time that could be read goes on to count.
 * - `transportFailed`: `transport` threw, rejected, or gave what isn't valid.
 * - `internalError`: something else failed that must not end the broker. A client's connection that it was about is closed.
 */
export type BrokerWarningCode =
  | 'adoptionRefused'
  | 'startFailed'
  | 'unknownAnswer'
  | 'serverError'
  | 'checkFailed'
  | 'listenerFailed'
  | 'slowTransport'
  | 'clockFailed'
  | 'transportFailed'
  | 'internalError'
  | 'stateDamaged'
  | 'stateNotWritten'
  | 'stateWritten'
  | 'groupWritable';

/** Something is wrong that the broker goes on in spite of. */
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
  backendExit: [BackendExitEvent];
  warning: [BrokerWarning];
}
