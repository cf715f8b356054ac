import { HandoffError } from '../errors/HandoffError';

/**
 * - `alreadyRunning`: another broker answers at `socketPath`, or has the `stateDirectory`.
 * - `notASocket`: something that isn't a socket is at `socketPath`; it is left alone.
 * - `listenFailed`: `socketPath` can't be listened on, or a directory that is needed isn't there or is none.
 * - `pathTooLong`: a socket's path is over the platform's bound.
 * - `startFailed`: a backend's first start failed; the message says which and how.
 * - `unsafePermissions`: a directory of sockets, the `stateDirectory` or the socket belongs to somebody else or is open to others.
 * - `stateNotWritten`: a process can't be put on record in `stateDirectory`, so it isn't started.
 * - `notReloadable`: a change of the options needs a new broker; the message says which.
 * - `unknownBackend`: the broker has no backend with this key.
 * - `alreadyRecorded`: a broker of the same `instance` is recorded with the same meter provider.
 * - `stopped`: the broker is stopped, or is stopping.
 */
export type BrokerErrorCode =
  | 'alreadyRunning'
  | 'notASocket'
  | 'listenFailed'
  | 'pathTooLong'
  | 'startFailed'
  | 'stateNotWritten'
  | 'unsafePermissions'
  | 'notReloadable'
  | 'unknownBackend'
  | 'alreadyRecorded'
  | 'stopped';

/** An error of the broker. */
export class BrokerError extends HandoffError<BrokerErrorCode> {
  override readonly name = 'BrokerError';
}
