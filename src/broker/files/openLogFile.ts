import { accessSync, closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { ANYBODY, isTrustedEntry, swappersOf, type WalkedPath, walkPath } from './walkPath';

const TRIES = 5;
// Another process makes, removes or renames the file at the same moment.
const PASSING = ['EEXIST', 'ENOENT', 'ELOOP', 'ESTALE'];

/** What stands for this process's own output, which isn't opened a second time. */
const OWN_OUTPUT = new Map(([1, 2] as const).flatMap((fd) => namesOf(fd).map((name) => [name, fd])));

/**
 * Opens a file to append to, which is made for its owner only if it's missing. Links are followed where nobody but root and
 * this user could have made them.
 *
 * @returns a descriptor that the caller closes, or 1 or 2 for `/dev/stdout` and `/dev/stderr`, which stay open.
 * @throws {Error} if that isn't a file (`/dev/null` counts as one), or somebody else could have put it there.
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
 * Finds what would keep {@link openLogFile} from opening a file. It makes and changes nothing.
 * @throws {Error} as it would.
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
  // Without blocking, in case that it's something else by now.
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
      throw new Error(`${step.path} is a link that somebody else could have made`);
    }
  }
  const { stats, holder } = walked;
  if (stats === undefined || isNull(walked)) return walked;
  if (!stats.isFile()) throw new Error(`${path} is ${kindOf(walked)}, not a file`);
  if (holder.writers === ANYBODY && (!isTrustedEntry(stats, holder) || stats.nlink > 1)) {
    throw new Error(`${path} is a file that somebody else could have put there`);
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
