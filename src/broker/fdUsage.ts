import { readdirSync, readFileSync } from 'node:fs';

const PRESSURE_SHARE = 0.9;
const CACHE_MS = 50;
const CACHE_CALLS = 64;

/** Most descriptors that this process may have open, or undefined where that can't be told or isn't limited. */
export function softFdLimit(): number | undefined {
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined;
  }
}

/** Descriptors that this process has open, or undefined where that can't be told. */
export function openFdCount(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return undefined;
  }
}

/**
 * A check for fd pressure: true from 90 % of the soft limit on. Linux only; elsewhere it is always false. The count may
 * be 50 ms or 64 calls old.
 */
export function createFdPressureCheck(): () => boolean {
  const limit = softFdLimit();
  if (limit === undefined) return () => false;
  let isPressured = false;
  let countedAt = Number.NEGATIVE_INFINITY;
  let calls = 0;
  return () => {
    calls += 1;
    const now = performance.now();
    if (now - countedAt >= CACHE_MS || calls >= CACHE_CALLS) {
      isPressured = (openFdCount() ?? 0) >= limit * PRESSURE_SHARE;
      countedAt = now;
      calls = 0;
    }
    return isPressured;
  };
}
