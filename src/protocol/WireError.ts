/** Why a frame is invalid: `unsupportedVersion`, or `badFrame` for everything else. */
export type WireErrorCode = 'unsupportedVersion' | 'badFrame';

/** Thrown for bytes that are not a valid frame, and for a frame that can't be encoded. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code: WireErrorCode;

  constructor(code: WireErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
