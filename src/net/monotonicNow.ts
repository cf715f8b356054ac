/**
 * Milliseconds on the machine's monotonic clock, to the nanosecond. Unlike `performance.now()` all processes share its origin,
 * so one process can compute the age of another's timestamp.
 */
export function monotonicNow(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
