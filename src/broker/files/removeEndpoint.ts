import { rmSync } from 'node:fs';

/**
 * Removes the socket of a process that is gone: one that was killed leaves it behind. What the process has put in its
 * place, a directory for instance, stays: it isn't ours, and can't be a reason to fail.
 */
export function removeEndpoint(path: string): void {
  // A named pipe isn't in any directory.
  if (process.platform === 'win32') return;
  try {
    rmSync(path, { force: true });
  } catch {
    // As said.
  }
}
