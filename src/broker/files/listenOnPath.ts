import { randomBytes } from 'node:crypto';
import { type BigIntStats, chmodSync, linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { showPath } from '../../errors/showValue';
import { DEFAULT_BACKLOG } from '../../net/defaultBacklog';
import { BrokerError } from '../BrokerError';
import { checkPathLength } from '../options/checkBrokerOptions';

const PROBE_TIMEOUT_MS = 2000;
// Longer than anybody needs from binding a socket to listening on it.
const SECOND_PROBE_MS = 20;
const TRIES = 5;

/**
 * Listens on a path, for its owner only. A socket that a dead process left there is removed; anything else there is left
 * alone.
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
    // The socket is bound before `listen` returns. Whoever may connect must not depend on what the embedder's mask is.
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
    // A worker thread can't; the mode that is set right afterwards has to do.
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
  // Two brokers may have found the same dead socket. What is moved aside is looked at again: it may be the other's new one.
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

// An inode's number alone is soon given to another file; neither part changes when a file is moved.
function markOf(path: string): string | undefined {
  const stats = statOfSocket(path);
  return stats && `${stats.ino} ${stats.mtimeNs}`;
}

/**
 * What the system knows of a socket at a path; undefined if nothing is there.
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
    // Somebody has the socket open, or the connect would have failed at once.
    const timer = setTimeout(() => finish(true), PROBE_TIMEOUT_MS);
    socket.once('connect', () => finish(true));
    socket.on('error', ({ code }: NodeJS.ErrnoException) =>
      finish(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    );
  });
}
