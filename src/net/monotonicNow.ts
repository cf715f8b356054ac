/**
 * Milliseconds on the machine's monotonic clock, to the nanosecond. Unlike `performance.now()` it has the same zero in
 * every process, so that one process can judge the age of another's stamp.
 */
export function monotonicNow(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
