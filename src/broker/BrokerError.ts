import { HandoffError } from '../errors/HandoffError';

/**
 * - `alreadyRunning`: another broker answers at `socketPath`, or uses the `stateDirectory`.
 * - `notASocket`: `socketPath` exists and isn't a socket; it is left alone.
 * - `listenFailed`: can't listen on `socketPath`, or a required directory is missing or not a directory.
 * - `pathTooLong`: a socket's path exceeds the platform's limit.
 * - `startFailed`: a backend didn't start; the message names it and the cause.
 * - `unsafePermissions`: a socket directory, the `stateDirectory` or the socket belongs to another user or is open to others.
 * - `stateNotWritten`: a process can't be recorded in `stateDirectory`, so it isn't started.
 * - `notReloadable`: the changed options need a new broker; the message names them.
 * - `unknownBackend`: the broker has no such backend or service.
 * - `alreadyRecorded`: a broker with the same `instance` is already recorded with this meter provider.
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
