import { outOfRange, requireCount } from '../errors/invalidArgument';
import { MAX_BACKLOG } from './defaultBacklog';

/** Checks a backlog option and returns it. Throws a TypeError or RangeError with the field and the value. */
export function requireBacklog(value: unknown): number {
  const backlog = requireCount('backlog', value, 1);
  if (backlog > MAX_BACKLOG) throw outOfRange('backlog', `an integer from 1 to ${MAX_BACKLOG}`, value);
  return backlog;
}
