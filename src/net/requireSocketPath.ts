import { outOfRange, requireText } from '../errors/invalidArgument';
import { maxSocketPathBytes } from './maxSocketPathBytes';

/**
 * Checks the path of a Unix-domain socket and returns it. The system would truncate a longer one to another socket's path.
 *
 * @throws {TypeError | RangeError} with the field and the value.
 */
export function requireSocketPath(field: string, value: unknown): string {
  const max = maxSocketPathBytes();
  const path = requireText(field, value, 1, Number.POSITIVE_INFINITY);
  if (path.includes('\0')) throw outOfRange(field, 'a path without a zero character', path);
  if (Buffer.byteLength(path) > max) throw outOfRange(field, `a path of at most ${max} bytes`, path);
  return path;
}
