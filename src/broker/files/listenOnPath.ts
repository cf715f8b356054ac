import { randomBytes } from 'node:crypto';
import { type BigIntStats, chmodSync, linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { showPath } from '../../errors/showValue';
import { DEFAULT_BACKLOG } from '../../net/defaultBacklog';
import { BrokerError } from '../BrokerError';
import { checkPathLength } from '../options/checkBrokerOptions';

const PROBE_TIMEOUT_MS = 2000;
// Longer than any broker takes from `bind` to `listen`.
const SECOND_PROBE_MS = 20;
const TRIES = 5;

/**
 * Listens on a path, accessible to its owner only. Removes the socket of a dead process; leaves anything else alone.
 *
 * @throws {BrokerError} `alreadyRunning`, `notASocket`, `pathTooLong` or `listenFailed` (the promise rejects).
 */
export async function listenOnPath(server: Server, path: string, backlog = DEFAULT_BACKLOG): Promise<void> {
  checkPathLength('the path of a socket', path);
  for (let tries = 0; ; tries += 1) {
    try {
      await listen(server, path, backlog);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || tries === TRIES) {
        throw new BrokerError('listenFailed', `can't listen on ${path}`, { cause: error });
      }
    }
    await removeStale(path);
  }
}

function listen(server: Server, path: string, backlog: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // `listen` binds the socket before it returns. Its mode must not depend on the embedder's umask.
    const mask = setMask(0o177);
    try {
      server.listen({ path, backlog }, () => {
        server.off('error', reject);
        resolve();
      });
      if (server.listening && process.platform !== 'win32') chmodSync(path, 0o600);
    } finally {
      if (mask !== undefined) setMask(mask);
    }
  });
}

function setMask(mask: number): number | undefined {
  try {
    return process.umask(mask);
  } catch {
    // A worker thread can't set it; `chmod` right after `listen` has to do.
    return undefined;
  }
}

async function removeStale(path: string): Promise<void> {
  const mark = markOf(path);
  if (mark === undefined) return;
  for (const pauseMs of [0, SECOND_PROBE_MS]) {
    await sleep(pauseMs);
    if (await answers(path)) throw new BrokerError('alreadyRunning', `another broker answers at ${path}`);
  }
  // Another broker may have replaced the same dead socket meanwhile. Check again after the rename, and put it back if so.
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new BrokerError('listenFailed', `can't remove the dead socket at ${path}`, { cause: error });
  }
  try {
    if (markOf(aside) !== mark) linkSync(aside, path);
  } finally {
    unlinkSync(aside);
  }
}

// An inode number alone is soon reused; neither it nor mtime changes with a rename.
function markOf(path: string): string | undefined {
  const stats = statOfSocket(path);
  return stats && `${stats.ino} ${stats.mtimeNs}`;
}

/**
 * The stats of the socket at a path; undefined if nothing is there.
 *
 * @throws {BrokerError} `notASocket`: something else is there.
 */
export function statOfSocket(path: string): BigIntStats | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats !== undefined && !stats.isSocket()) {
    throw new BrokerError('notASocket', `${showPath(path)} exists and is not a socket`);
  }
  return stats;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const finish = (isAlive: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isAlive);
    };
    // Somebody listens: otherwise the connect would have failed at once.
    const timer = setTimeout(() => finish(true), PROBE_TIMEOUT_MS);
    socket.once('connect', () => finish(true));
    socket.on('error', ({ code }: NodeJS.ErrnoException) =>
      finish(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    );
  });
}
