import { readdirSync } from 'node:fs';

/** Descriptors that this process has open. */
export function openFds(): number {
  return readdirSync('/proc/self/fd').length;
}
