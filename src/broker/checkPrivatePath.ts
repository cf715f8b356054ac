import { lstatSync, mkdirSync, type Stats, statSync } from 'node:fs';
import { BrokerError } from './BrokerError';

const OTHERS_BITS = 0o077;

function complain(what: string, path: string, why: string, advice: string): never {
  throw new BrokerError('unsafePermissions', `${what} ${path} ${why}: ${advice}`);
}

function checkOwner(what: string, path: string, { uid, mode }: Stats, modeAdvice: string): void {
  const self = process.geteuid?.();
  if (self !== undefined && uid !== self) {
    complain(what, path, `belongs to user ${uid}, not to user ${self}, who this is`, 'use one of your own');
  }
  if ((mode & OTHERS_BITS) !== 0) {
    complain(
      what,
      path,
      `is open to others (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`,
      modeAdvice,
    );
  }
}

/**
 * Checks that a directory is this user's own, and nobody else's to enter. Whoever may write there could put a socket or a
 * file of his own in the place of ours. Checks nothing on Windows, where pipes are in no directory.
 *
 * @throws {BrokerError} `unsafePermissions`, or `listenFailed` if it isn't there, or no directory.
 */
export function checkPrivateDirectory(path: string): void {
  if (process.platform === 'win32') return;
  let stats: Stats;
  try {
    // A link may lead there: where it leads to is what counts.
    stats = statSync(path);
  } catch (cause) {
    throw new BrokerError('listenFailed', `there is no directory ${path}`, { cause });
  }
  if (!stats.isDirectory()) throw new BrokerError('listenFailed', `${path} is not a directory`);
  checkOwner('the directory', path, stats, `chmod 700 ${path}, or use another one`);
}

/**
 * Makes a directory for this user alone, unless it's there; then it's checked.
 *
 * @throws {BrokerError} as {@link checkPrivateDirectory}.
 */
export function makePrivateDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new BrokerError('listenFailed', `can't make the directory ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
  checkPrivateDirectory(path);
}

/**
 * Checks that a socket is this user's own, and for nobody else to connect to.
 *
 * @throws {BrokerError} `unsafePermissions`.
 */
export function checkPrivateSocket(path: string): void {
  if (process.platform === 'win32') return;
  checkOwner('the socket', path, lstatSync(path), 'the file system must be able to keep a mode of 0600');
}
