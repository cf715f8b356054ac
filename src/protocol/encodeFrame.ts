import { FRAME_TYPE_NUMBERS, type Frame } from './frame';
import { WireError } from './WireError';
import { MAX_PAYLOAD_BYTES, PROTOCOL_VERSION } from './wireLimits';

/**
 * The bytes of a frame.
 *
 * @throws {WireError} `badFrame` if the payload has more than 4,096 bytes.
 */
export function encodeFrame(frame: Frame): Buffer {
  const { type, ...fields } = frame;
  const payload = JSON.stringify(fields);
  const size = Buffer.byteLength(payload);
  if (size > MAX_PAYLOAD_BYTES) {
    throw new WireError(
      'badFrame',
      `a ${type} frame of ${size} bytes is over the limit of ${MAX_PAYLOAD_BYTES}`,
    );
  }
  const bytes = Buffer.allocUnsafe(6 + size);
  bytes.writeUInt32BE(2 + size, 0);
  bytes.writeUInt8(PROTOCOL_VERSION, 4);
  bytes.writeUInt8(FRAME_TYPE_NUMBERS[type], 5);
  bytes.write(payload, 6, 'utf8');
  return bytes;
}
