import { HandoffError } from '../errors/HandoffError';

/** Why a frame is invalid: `unsupportedVersion`, or `badFrame` for everything else. */
export type WireErrorCode = 'unsupportedVersion' | 'badFrame';

/** Thrown for bytes that are not a frame of this protocol, and for a frame that can't be written as one. */
export class WireError extends HandoffError<WireErrorCode> {
  override readonly name = 'WireError';
}
