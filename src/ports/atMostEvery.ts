/**
 * Calls `tell` at once, and then at most once in `ms` milliseconds, a last time for what came in between. What it throws is
 * ignored, and its timer keeps no process alive.
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
      // It is told of what others do, and they must not be failed by it.
    }
  };
  return () => {
    if (timer === undefined) void run();
    else isDue = true;
  };
}
