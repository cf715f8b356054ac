/** What is wrong with a frame: `unsupportedVersion` or, for everything else, `badFrame`. */
export type WireErrorCode = 'unsupportedVersion' | 'badFrame';

/** Thrown for bytes that are not a frame of this protocol, and for a frame that can't be written as one. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code: WireErrorCode;

  constructor(code: WireErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
