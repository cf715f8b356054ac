import { isAnyArrayBuffer, isTypedArray } from 'node:util/types';
import { invalidType, outOfRange, readGiven } from '../errors/invalidArgument';

/** The view's own fields: a subclass's may say anything. */
const ownFieldsOf = (prototype: object) => (view: ArrayBufferView) => {
  const own = <K extends keyof ArrayBufferView>(name: K): ArrayBufferView[K] =>
    Reflect.get(prototype, name, view) as ArrayBufferView[K];
  return { buffer: own('buffer'), byteOffset: own('byteOffset'), byteLength: own('byteLength') };
};
const fieldsOfArray = ownFieldsOf(Object.getPrototypeOf(Uint8Array.prototype) as object);
const fieldsOfDataView = ownFieldsOf(DataView.prototype);
const keysOfArray = Uint8Array.prototype.keys;

/**
 * Copies a caller's bytes: a string as UTF-8, a buffer or any view as raw bytes.
 *
 * @throws TypeError another type, or a view whose buffer is detached or too short for it by now
 * @throws RangeError a string has a lone surrogate
 */
export function copyBytes(field: string, value: unknown): Buffer {
  if (typeof value === 'string') {
    // UTF-8 can't encode a lone surrogate; a replacement character would arrive.
    if (/\p{Surrogate}/u.test(value)) throw outOfRange(field, 'a string without lone surrogates', value);
    return Buffer.from(value);
  }
  if (ArrayBuffer.isView(value)) {
    return readGiven(field, () => {
      const { buffer, byteOffset, byteLength } = isTypedArray(value)
        ? fieldsOfArray(value)
        : fieldsOfDataView(value);
      // Without its buffer, or outside of it, an array looks empty; this throws then. A DataView's fields do so themselves.
      if (isTypedArray(value)) keysOfArray.call(value);
      return Buffer.from(new Uint8Array(buffer, byteOffset, byteLength));
    });
  }
  if (isAnyArrayBuffer(value)) return readGiven(field, () => Buffer.from(new Uint8Array(value)));
  throw invalidType(field, 'a string, an ArrayBuffer or a view of one', value);
}
