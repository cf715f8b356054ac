import { HandoffError } from '../errors/HandoffError';

/**
 * - `brokerUnavailable`: nobody listens at `socketPath`, or it can't be reached, for `brokerWaitMs`; `cause` is the system's
 *   error.
 * - `unknownService`, `noMatchingVersion`: the broker doesn't have the service or a matching version.
 * - `refused`: the broker refuses this client, and a retry won't help.
 * - `protocolError`: the other side doesn't speak this protocol.
 * - `timeout`: no connection to a backend within `connectTimeoutMs`; `cause` is the last error.
 * - `aborted`: the caller's signal; `cause` is its reason.
 * - `connectionLost`: the connection was lost and the request may have run. It isn't repeated.
 */
export type HandoffClientErrorCode =
  | 'brokerUnavailable'
  | 'unknownService'
  | 'noMatchingVersion'
  | 'refused'
  | 'protocolError'
  | 'timeout'
  | 'aborted'
  | 'connectionLost';

/** The error of `connect`, and of its socket if the connection is lost. */
export class HandoffClientError extends HandoffError<HandoffClientErrorCode> {
  override readonly name = 'HandoffClientError';
}
