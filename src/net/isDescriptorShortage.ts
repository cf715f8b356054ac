import { fieldOf } from '../errors/showValue';

const CODES: readonly unknown[] = ['EMFILE', 'ENFILE', 'ETOOMANYREFS'];
/** An embedder's error may be its own cause. */
const MAX_CAUSES = 8;

/**
 * Whether an error, or what caused it, says that the process (EMFILE) or the system (ENFILE) has no descriptor left, or that
 * too many are on their way (ETOOMANYREFS).
 */
export function isDescriptorShortage(error: unknown): boolean {
  let cause = error;
  for (let depth = 0; depth < MAX_CAUSES; depth += 1) {
    if (CODES.includes(fieldOf(cause, 'code'))) return true;
    cause = fieldOf(cause, 'cause');
  }
  return false;
}
