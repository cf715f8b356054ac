/**
 * - `alreadyRunning`: another broker answers at `socketPath`.
 * - `notASocket`: something that isn't a socket is at `socketPath`; it is left alone.
 * - `listenFailed`: `socketPath` can't be listened on.
 * - `pathTooLong`: a socket's path is over the platform's bound.
 * - `startFailed`: a backend's first start failed; the message says which and how.
 * - `unsafePermissions`: a directory of sockets, or the socket, belongs to somebody else or is open to others.
 * - `unknownBackend`: the broker has no backend with this key.
 * - `stopped`: the broker is stopped, or is stopping.
 */
export type BrokerErrorCode =
  | 'alreadyRunning'
  | 'notASocket'
  | 'listenFailed'
  | 'pathTooLong'
  | 'startFailed'
  | 'unsafePermissions'
  | 'unknownBackend'
  | 'stopped';

/** An error of the broker. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError';
  readonly code: BrokerErrorCode;

  constructor(code: BrokerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
