/**
 * Throttles `tell`: calls it at once, then at most every `ms` milliseconds, and once more for calls in between. Ignores its
 * errors; its timer doesn't keep the process alive.
 */
export function atMostEvery(ms: number, tell: () => unknown): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isDue = false;
  const run = async (): Promise<void> => {
    isDue = false;
    timer = setTimeout(() => {
      timer = undefined;
      if (isDue) void run();
    }, ms).unref();
    try {
      await tell();
    } catch {
      // It only reports; its error must not fail the work that it reports on.
    }
  };
  return () => {
    if (timer === undefined) void run();
    else isDue = true;
  };
}
