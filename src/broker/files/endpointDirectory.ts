import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, resolve } from 'node:path';

const PREFIX = 'handoff-';

/** Makes a new directory for backends' sockets, for its owner only. */
export function createEndpointDirectory(): string {
  return mkdtempSync(resolve(tmpdir(), PREFIX));
}

/** Removes a directory if {@link createEndpointDirectory} may have made it, here or in an earlier broker, and it's empty. */
export function removeEndpointDirectory(directory: string): void {
  if (!basename(directory).startsWith(PREFIX)) return;
  try {
    rmdirSync(directory);
  } catch {
    // Another backend has its socket there, or somebody else was faster.
  }
}
