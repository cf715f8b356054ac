import { rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import type { FrameOf } from '../wire/frame';
import type { AdoptableBackend } from './BrokerOptions';
import { removeEndpointDirectory } from './endpointDirectory';
import { probeBackend } from './probeBackend';

const PROBE_TIMEOUT_MS = 2000;

/** A process that an earlier broker started. It's no child of this one: all it can be asked is who it is. */
export class AdoptedProcess {
  readonly backend: AdoptableBackend;
  readonly #onGone: () => void;
  #watch: Socket;
  #isLeft = false;

  private constructor(backend: AdoptableBackend, watch: Socket, onGone: () => void) {
    this.backend = backend;
    this.#onGone = onGone;
    this.#watch = watch;
    this.#listen();
  }

  /**
   * Makes sure that the process at the endpoint is the one that is meant.
   *
   * @param onGone the process has ended. Called at most once, and not after `leave` or `stop`.
   * @throws {Error} if it isn't (the promise rejects).
   */
  static async adopt(backend: AdoptableBackend, onGone: () => void): Promise<AdoptedProcess> {
    const watch = await verify(backend);
    return new AdoptedProcess(backend, watch, onGone);
  }

  /** Stops watching; the process goes on. */
  leave(): void {
    this.#isLeft = true;
    this.#watch.destroy();
  }

  /**
   * Ends the process with SIGTERM, or with SIGKILL if it's still there `timeoutMs` milliseconds later. A process that isn't
   * the one that was adopted is left alone.
   */
  async stop(timeoutMs: number): Promise<void> {
    this.leave();
    let watch: Socket;
    try {
      watch = await verify(this.backend);
    } catch {
      // It's gone, or another process has its place.
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => signal(this.backend.pid, 'SIGKILL'), timeoutMs);
      watch.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      if (!signal(this.backend.pid, 'SIGTERM')) watch.destroy();
    });
    removeSocket(this.backend.endpoint);
  }

  #listen(): void {
    this.#watch.once('close', () => void this.#onClose());
  }

  async #onClose(): Promise<void> {
    if (this.#isLeft) return;
    try {
      // The connection alone may have been closed.
      const watch = await verify(this.backend);
      if (this.#isLeft) {
        watch.destroy();
        return;
      }
      this.#watch = watch;
      this.#listen();
    } catch {
      if (this.#isLeft) return;
      this.#isLeft = true;
      removeSocket(this.backend.endpoint);
      this.#onGone();
    }
  }
}

async function verify(expected: AdoptableBackend): Promise<Socket> {
  const { identity, watch } = await probeBackend(expected.endpoint, PROBE_TIMEOUT_MS);
  const difference = differenceOf(expected, identity);
  if (difference !== undefined) {
    watch.destroy();
    throw new Error(`the process at ${expected.endpoint} is another one: ${difference}`);
  }
  return watch;
}

function differenceOf(expected: AdoptableBackend, found: FrameOf<'identity'>): string | undefined {
  for (const field of ['backend', 'serviceName', 'serviceVersion', 'pid'] as const) {
    if (expected[field] !== found[field]) return `${field} is ${found[field]}, not ${expected[field]}`;
  }
  return undefined;
}

// What the earlier broker couldn't clean up.
function removeSocket(endpoint: string): void {
  if (process.platform === 'win32') return;
  rmSync(endpoint, { force: true });
  removeEndpointDirectory(dirname(endpoint));
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
