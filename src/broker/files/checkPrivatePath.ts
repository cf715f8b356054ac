import { existsSync, lstatSync, mkdirSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf, showPath } from '../../errors/showValue';
import { BrokerError } from '../BrokerError';
import { ANYBODY, OWN_GROUP, type PathStep, swappersOf, type WalkedPath, walkPath } from './walkPath';

const OTHERS_BITS = 0o077;

function complain(what: string, path: string, why: string, advice: string): never {
  throw new BrokerError('unsafePermissions', `${what} ${showPath(path)} ${why}: ${advice}`);
}

function checkOwner(what: string, path: string, { uid, mode }: Stats, modeAdvice: string): void {
  const self = process.geteuid?.();
  if (self !== undefined && uid !== self) {
    complain(what, path, `belongs to user ${uid}, not to this process's user ${self}`, 'use one of your own');
  }
  if ((mode & OTHERS_BITS) !== 0) complain(what, path, `is open to others (mode ${octal(mode)})`, modeAdvice);
}

/**
 * Checks that a directory belongs to this user and is closed to others, and that nobody but root and this user can replace
 * it: who can could replace our sockets and files too. So it checks every directory above it as well, and those on the way of
 * links. Checks nothing on Windows, where pipes are in no directory.
 *
 * @returns warnings: directories above it that the user's group can write.
 * @throws {BrokerError} `unsafePermissions`, or `listenFailed` if it's missing or not a directory.
 */
export function checkPrivateDirectory(path: string): string[] {
  if (process.platform === 'win32') return [];
  let walked: WalkedPath;
  try {
    walked = walkPath(path);
  } catch (cause) {
    throw new BrokerError('listenFailed', `there is no directory ${showPath(path)}: ${messageOf(cause)}`, {
      cause,
    });
  }
  const { stats } = walked;
  if (stats === undefined) throw new BrokerError('listenFailed', `there is no directory ${showPath(path)}`);
  if (!stats.isDirectory()) throw new BrokerError('listenFailed', `${showPath(path)} is not a directory`);
  const warnings = checkWay(walked);
  checkOwner('the directory', path, stats, `chmod 700 ${path}, or use another one`);
  return warnings;
}

/**
 * Creates a directory for this user alone if it's missing, then checks it.
 *
 * @throws {BrokerError} as {@link checkPrivateDirectory}.
 */
export function makePrivateDirectory(path: string): void {
  if (process.platform !== 'win32') checkNearest(path);
  try {
    makeDirectory(path);
  } catch (cause) {
    throw new BrokerError('listenFailed', `can't make the directory ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
  checkPrivateDirectory(path);
}

/** Not `recursive`, which never returns where the system makes no directories, below `/proc` for instance. */
function makeDirectory(path: string): void {
  if (tryToMake(path)) return;
  makeDirectory(dirname(path));
  tryToMake(path);
}

/** False if the directory above isn't there. */
function tryToMake(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // What is there is checked afterwards.
    if (code === 'EEXIST') return true;
    if (code === 'ENOENT' && !existsSync(dirname(path))) return false;
    throw error;
  }
}

/**
 * Checks that a socket belongs to this user and that nobody else can connect to it.
 *
 * @throws {BrokerError} `unsafePermissions`.
 */
export function checkPrivateSocket(path: string): void {
  if (process.platform === 'win32') return;
  checkOwner('the socket', path, lstatSync(path), 'the file system must be able to keep a mode of 0600');
}

/** Checks the nearest existing entry, so that nothing is created where another user's link leads. */
function checkNearest(path: string): void {
  for (let near = path; ; near = dirname(near)) {
    try {
      checkWay(walkPath(near));
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' || near === dirname(near)) {
        if (error instanceof BrokerError) throw error;
        throw new BrokerError(
          'listenFailed',
          `can't make the directory ${path}: ${(error as Error).message}`,
          {
            cause: error,
          },
        );
      }
    }
  }
}

function checkWay({ steps }: WalkedPath): string[] {
  const warnings = new Set<string>();
  for (const step of steps) {
    const swappers = swappersOf(step);
    if (swappers === ANYBODY) refuse(step);
    // A group with the user's own number is the user's private group, normally without other members.
    if (swappers === OWN_GROUP && process.getegid?.() !== process.geteuid?.()) {
      const { path, stats } = step.holder;
      warnings.add(`all members of group ${stats.gid} can write the directory ${path}: chmod g-w ${path}`);
    }
  }
  return [...warnings];
}

function refuse({ path, stats, holder }: PathStep): never {
  const why = `could replace ${path}`;
  if (!holder.isTrusted) {
    const { uid } = holder.stats;
    complain(
      'the directory',
      holder.path,
      `belongs to user ${uid}, who ${why}`,
      'use one below your own or root’s',
    );
  }
  if ((holder.stats.mode & 0o1000) !== 0) {
    complain('the entry', path, `belongs to user ${stats.uid}, who can change it`, 'use one of your own');
  }
  const mode = octal(holder.stats.mode);
  complain(
    'the directory',
    holder.path,
    `can be written by others (mode ${mode}), who ${why}`,
    `chmod go-w ${holder.path}, or use another one`,
  );
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
