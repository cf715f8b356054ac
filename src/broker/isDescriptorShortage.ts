/** Whether an error, or what caused it, says that the process (EMFILE) or the system (ENFILE) has no descriptor left. */
export function isDescriptorShortage(error: unknown): boolean {
  let cause = error;
  while (cause instanceof Error) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EMFILE' || code === 'ENFILE') return true;
    cause = cause.cause;
  }
  return false;
}
