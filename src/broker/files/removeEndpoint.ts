import { rmSync } from 'node:fs';

/**
 * Removes the socket of a process that has ended; a killed one leaves it behind. A directory that the process may have put
 * there stays and is no error.
 */
export function removeEndpoint(path: string): void {
  // Windows' named pipes are in no directory.
  if (process.platform === 'win32') return;
  try {
    rmSync(path, { force: true });
  } catch {
    // It can't be removed, for instance because it's a directory.
  }
}
