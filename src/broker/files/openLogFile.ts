import { accessSync, closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { ANYBODY, isTrustedEntry, swappersOf, type WalkedPath, walkPath } from './walkPath';

const TRIES = 5;
// Transient: another process creates, removes or renames the file at the same moment.
const PASSING = ['EEXIST', 'ENOENT', 'ELOOP', 'ESTALE'];

/** Paths of this process's standard output and error, which aren't opened again. */
const OWN_OUTPUT = new Map(([1, 2] as const).flatMap((fd) => namesOf(fd).map((name) => [name, fd])));

/**
 * Opens a file for appending; creates it for its owner only if it's missing. Follows only links that nobody but root and this
 * user could have made.
 *
 * @returns a descriptor that the caller closes, or 1 or 2 for `/dev/stdout` and `/dev/stderr`, which stay open.
 * @throws {Error} it isn't a file (`/dev/null` counts as one), or another user could have put it there.
 */
export function openLogFile(path: string): number {
  if (process.platform === 'win32') return openSync(path, 'a', 0o600);
  for (let tries = 1; ; tries += 1) {
    const before = look(path);
    const own = OWN_OUTPUT.get(before.path);
    if (own !== undefined) return own;
    try {
      return openAsSeen(path, before);
    } catch (error) {
      if (tries === TRIES || !PASSING.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
}

/**
 * Checks whether {@link openLogFile} could open a file. Creates and changes nothing.
 *
 * @throws {Error} as `openLogFile` would.
 */
export function checkLogFile(path: string): void {
  if (process.platform === 'win32') return;
  const { path: real, stats } = look(path);
  if (OWN_OUTPUT.has(real)) return;
  accessSync(stats === undefined ? dirname(real) : real, constants.W_OK);
}

function openAsSeen(path: string, { path: real, stats }: WalkedPath): number {
  const { O_APPEND, O_CREAT, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
  const making = stats === undefined ? O_CREAT | O_EXCL : 0;
  // Non-blocking, in case it was replaced by a pipe.
  const fd = openSync(real, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | making, 0o600);
  try {
    const opened = fstatSync(fd);
    const now = look(path).stats;
    if (opened.ino === now?.ino && opened.dev === now.dev) return fd;
    throw Object.assign(new Error(`${path} was replaced while it was opened`), { code: 'ESTALE' });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function look(path: string): WalkedPath {
  const walked = walkPath(path, [...OWN_OUTPUT.keys()]);
  for (const step of walked.steps) {
    if (step.stats.isSymbolicLink() && swappersOf(step) === ANYBODY) {
      throw new Error(`${step.path} is a link that another user could have made`);
    }
  }
  const { stats, holder } = walked;
  if (stats === undefined || isNull(walked)) return walked;
  if (!stats.isFile()) throw new Error(`${path} is ${kindOf(walked)}, not a file`);
  if (holder.writers === ANYBODY && (!isTrustedEntry(stats, holder) || stats.nlink > 1)) {
    throw new Error(`${path} is a file that another user could have put there`);
  }
  return walked;
}

function isNull({ stats }: WalkedPath): boolean {
  return stats?.isCharacterDevice() === true && stats.rdev === lstatSync('/dev/null').rdev;
}

function kindOf({ stats }: WalkedPath): string {
  if (stats?.isFIFO()) return 'a pipe';
  if (stats?.isSocket()) return 'a socket';
  return stats?.isDirectory() ? 'a directory' : 'a device';
}

function namesOf(fd: 1 | 2): string[] {
  const standard = fd === 1 ? 'stdout' : 'stderr';
  return [`/dev/${standard}`, `/dev/fd/${fd}`, `/proc/self/fd/${fd}`, `/proc/${process.pid}/fd/${fd}`];
}
