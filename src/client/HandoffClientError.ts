/**
 * - `brokerUnavailable`: nobody listens at `socketPath`, or it can't be reached, for `brokerWaitMs`; `cause` is the system's
 *   error.
 * - `unknownService`, `noMatchingVersion`: the broker doesn't have it.
 * - `refused`: the broker won't have this client, for another reason that a repeat won't change.
 * - `protocolError`: the other side doesn't speak this protocol.
 * - `timeout`: no connection to a backend within `connectTimeoutMs`; `cause` is what went wrong last.
 * - `aborted`: the caller's signal; `cause` is its reason.
 * - `connectionLost`: the connection was lost when the request may have run already. It isn't repeated.
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

/** The error of `connect`, and of a connection that it gave and that was lost. */
export class HandoffClientError extends Error {
  override readonly name = 'HandoffClientError';
  readonly code: HandoffClientErrorCode;

  constructor(code: HandoffClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
