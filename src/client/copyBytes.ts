import { isAnyArrayBuffer } from 'node:util/types';
import { invalidType, outOfRange, readGiven } from '../errors/invalidArgument';

/**
 * A copy of the bytes that a caller gave: a string's in UTF-8, and those that a buffer holds or a view of one shows, whatever
 * the view takes them for.
 *
 * @throws TypeError it's none of these, or a buffer that was transferred away
 * @throws RangeError a string has a lone surrogate
 */
export function copyBytes(field: string, value: unknown): Buffer {
  if (typeof value === 'string') {
    // UTF-8 has no form for half of a character; something else would arrive in its place.
    if (/\p{Surrogate}/u.test(value)) throw outOfRange(field, 'a string without lone surrogates', value);
    return Buffer.from(value);
  }
  // A view of a buffer that is gone would just look empty.
  if (ArrayBuffer.isView(value)) {
    const { buffer } = value;
    return readGiven(field, () => {
      // Throws if it's gone.
      new Uint8Array(buffer);
      return Buffer.from(new Uint8Array(buffer, value.byteOffset, value.byteLength));
    });
  }
  if (isAnyArrayBuffer(value)) return readGiven(field, () => Buffer.from(new Uint8Array(value)));
  throw invalidType(field, 'a string, an ArrayBuffer or a view of one', value);
}
