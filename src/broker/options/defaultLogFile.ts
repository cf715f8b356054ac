import { createHash } from 'node:crypto';
import { join } from 'node:path';

const LONGEST_PLAIN_NAME = 200;
const DIGEST_CHARACTERS = 16;

/** Directory of the default log files. */
export function logDirectory(stateDirectory: string): string {
  return join(stateDirectory, 'logs');
}

/** The log file of a backend whose service sets none: one for each service and version. */
export function defaultLogFile(stateDirectory: string, name: string, version: string): string {
  const full = `${name}@${version}`;
  const plain = full.replace(/[^\w.@+-]/g, '_').slice(0, LONGEST_PLAIN_NAME);
  // The digest keeps names apart that differ only in characters which a file name can't have.
  const digest = createHash('sha256').update(full).digest('hex').slice(0, DIGEST_CHARACTERS);
  return join(logDirectory(stateDirectory), `${plain === full ? full : `${plain}-${digest}`}.log`);
}
