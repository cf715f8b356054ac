import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, resolve } from 'node:path';

const PREFIX = 'handoff-';

/** Creates a new directory for backends' sockets, accessible to its owner only. */
export function createEndpointDirectory(): string {
  return mkdtempSync(resolve(tmpdir(), PREFIX));
}

/** Removes a directory if it's empty and {@link createEndpointDirectory} made it, in this or an earlier broker. */
export function removeEndpointDirectory(directory: string): void {
  if (!basename(directory).startsWith(PREFIX)) return;
  try {
    rmdirSync(directory);
  } catch {
    // Not empty, or already removed.
  }
}
