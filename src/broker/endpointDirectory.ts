import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const prefix = (): string => join(tmpdir(), 'handoff-');

/** Makes a new directory for backends' sockets, for its owner only. */
export function createEndpointDirectory(): string {
  return mkdtempSync(prefix());
}

/** Whether {@link createEndpointDirectory} made it, in this process or an earlier one. */
export function isOwnDirectory(directory: string): boolean {
  return directory.startsWith(prefix());
}
