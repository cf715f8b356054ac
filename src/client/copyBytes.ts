import { isAnyArrayBuffer } from 'node:util/types';
import { invalidType, outOfRange, readGiven } from '../errors/invalidArgument';

/**
 * Copies a caller's bytes: a string as UTF-8, a buffer or any view as raw bytes.
 *
 * @throws TypeError another type, or a detached buffer
 * @throws RangeError a string has a lone surrogate
 */
export function copyBytes(field: string, value: unknown): Buffer {
  if (typeof value === 'string') {
    // UTF-8 can't encode a lone surrogate; a replacement character would arrive.
    if (/\p{Surrogate}/u.test(value)) throw outOfRange(field, 'a string without lone surrogates', value);
    return Buffer.from(value);
  }
  // A view of a detached buffer looks empty.
  if (ArrayBuffer.isView(value)) {
    const { buffer } = value;
    return readGiven(field, () => {
      // Throws if the buffer is detached.
      new Uint8Array(buffer);
      return Buffer.from(new Uint8Array(buffer, value.byteOffset, value.byteLength));
    });
  }
  if (isAnyArrayBuffer(value)) return readGiven(field, () => Buffer.from(new Uint8Array(value)));
  throw invalidType(field, 'a string, an ArrayBuffer or a view of one', value);
}
