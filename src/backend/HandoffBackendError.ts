import { HandoffError } from '../errors/HandoffError';

/**
 * - `noIdentity`: the process wasn't started by a broker, and no identity was given.
 * - `slowTransport`: told to `onError`, once: a broker wants to hand connections over, and this process can't take them; its clients reconnect.
 * - `listenFailed`: the endpoint can't be listened on, or the broker has ended, so that nobody would ever come.
 */
export type HandoffBackendErrorCode = 'noIdentity' | 'listenFailed' | 'slowTransport';

/** Thrown by `serveBackend`, or told to its `onError`. */
export class HandoffBackendError extends HandoffError<HandoffBackendErrorCode> {
  override readonly name = 'HandoffBackendError';
}
