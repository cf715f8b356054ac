import { createHash } from 'node:crypto';
import { join } from 'node:path';

const LONGEST_PLAIN_NAME = 200;
const DIGEST_CHARACTERS = 16;

/** Directory of the logs of backends that have no log file of their own. */
export function logDirectory(stateDirectory: string): string {
  return join(stateDirectory, 'logs');
}

/** Where the output of a backend without a log file of its own goes, one file for each service and version. */
export function defaultLogFile(stateDirectory: string, name: string, version: string): string {
  const full = `${name}@${version}`;
  const plain = full.replace(/[^\w.@+-]/g, '_').slice(0, LONGEST_PLAIN_NAME);
  // Two names must not meet in one file because they differ where a file's name can't.
  const digest = createHash('sha256').update(full).digest('hex').slice(0, DIGEST_CHARACTERS);
  return join(logDirectory(stateDirectory), `${plain === full ? full : `${plain}-${digest}`}.log`);
}
