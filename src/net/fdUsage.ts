import { readdirSync, readFileSync } from 'node:fs';

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
