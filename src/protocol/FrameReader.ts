import { isUtf8 } from 'node:buffer';
import { type Frame, frameTypeOf, parseFrame } from './frame';
import { WireError } from './WireError';
import { MAX_PAYLOAD_BYTES, PROTOCOL_VERSION } from './wireLimits';

const EMPTY = Buffer.alloc(0);

/**
 * Parses frames one at a time from the start of a stream that carries the application's bytes after one of them. Bytes after
 * the last frame stay unparsed; {@link takeRest} returns them.
 */
export class FrameReader {
  #bytes: Buffer = EMPTY;

  /** Adds received bytes. They are not copied: the caller must not change them. */
  push(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
  }

  /**
   * The next frame, or undefined while it's incomplete. An invalid header throws before the payload arrives.
   *
   * @throws {WireError} `unsupportedVersion` or `badFrame`; don't use the reader afterwards.
   */
  next(): Frame | undefined {
    const bytes = this.#bytes;
    if (bytes.length < 4) return undefined;
    const length = bytes.readUInt32BE(0);
    if (length < 2 || length > MAX_PAYLOAD_BYTES + 2) {
      throw new WireError(
        'badFrame',
        `a frame's length must be 2 to ${MAX_PAYLOAD_BYTES + 2}, not ${length}`,
      );
    }
    if (bytes.length < 5) return undefined;
    const version = bytes.readUInt8(4);
    if (version !== PROTOCOL_VERSION) {
      throw new WireError(
        'unsupportedVersion',
        `this side speaks version ${PROTOCOL_VERSION}, not ${version}`,
      );
    }
    if (bytes.length < 6) return undefined;
    const number = bytes.readUInt8(5);
    const type = frameTypeOf(number);
    if (type === undefined) throw new WireError('badFrame', `no frame has type ${number}`);
    const end = 4 + length;
    if (bytes.length < end) return undefined;
    const parsed = parseFrame(type, parseJson(type, bytes.subarray(6, end)));
    if ('problem' in parsed) throw new WireError('badFrame', `${type} frame: ${parsed.problem}`);
    this.#bytes = bytes.subarray(end);
    return parsed.frame;
  }

  /** Removes and returns the bytes after the last frame. */
  takeRest(): Buffer {
    const rest = this.#bytes;
    this.#bytes = EMPTY;
    return rest;
  }
}

function parseJson(type: string, payload: Buffer): unknown {
  if (!isUtf8(payload)) throw new WireError('badFrame', `${type} frame: the payload isn't UTF-8`);
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch (cause) {
    throw new WireError('badFrame', `${type} frame: the payload isn't JSON`, { cause });
  }
}
