/**
 * - `noIdentity`: the process wasn't started by a broker, and no identity was given.
 * - `listenFailed`: the endpoint can't be listened on, or the broker has ended, so that nobody would ever come.
 */
export type HandoffBackendErrorCode = 'noIdentity' | 'listenFailed';

/** Thrown by `serveBackend`. */
export class HandoffBackendError extends Error {
  override readonly name = 'HandoffBackendError';
  readonly code: HandoffBackendErrorCode;

  constructor(code: HandoffBackendErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
