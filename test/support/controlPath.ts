import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where a fixture's process takes what a test tells it. On Linux it's in no directory, so that nothing has to be removed. */
export function controlPath(pid: number): string {
  const name = `hc-control-${pid}`;
  return process.platform === 'linux' ? `\0${name}` : join(tmpdir(), name);
}
