/**
 * Whether an error, or what caused it, says that the process (EMFILE) or the system (ENFILE) has no descriptor left, or that
 * too many are on their way (ETOOMANYREFS).
 */
export function isDescriptorShortage(error: unknown): boolean {
  let cause = error;
  while (cause instanceof Error) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EMFILE' || code === 'ENFILE' || code === 'ETOOMANYREFS') return true;
    cause = cause.cause;
  }
  return false;
}
