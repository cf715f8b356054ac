import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FrameOf } from '../wire/frame';
import type { AdoptableBackend } from './BrokerOptions';
import { removeEndpointDirectory } from './endpointDirectory';
import {
  isProbeBroken,
  isProbeTimeout,
  type ProbedBackend,
  probeBackend,
  probeTimeout,
} from './probeBackend';
import { processStart, wasStartedAs } from './processStart';
import { removeEndpoint } from './removeEndpoint';

const PROBE_TIMEOUT_MS = 2000;
const PROBE_PAUSE_MS = 50;

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
   * @param timeoutMs milliseconds that it has to answer.
   * @param onGone the process has ended. Called at most once, and not after `leave` or `stop`.
   * @throws {Error} if it isn't (the promise rejects). A process that is there and doesn't answer is ended: nobody can be
   *   sent to it, and nobody else would end it.
   */
  static async adopt(
    backend: AdoptableBackend,
    timeoutMs: number,
    onGone: () => void,
  ): Promise<AdoptedProcess> {
    try {
      return new AdoptedProcess(backend, await verify(backend, timeoutMs), onGone);
    } catch (error) {
      if (isProbeTimeout(error) && endUnasked(backend)) {
        throw new Error(`${(error as Error).message}; it was ended`, { cause: error });
      }
      throw error;
    }
  }

  /** Stops watching; the process goes on. */
  leave(): void {
    this.#isLeft = true;
    this.#watch.destroy();
  }

  /**
   * Ends the process with SIGTERM, or with SIGKILL if it's still there `timeoutMs` milliseconds later, or doesn't answer. A
   * process that isn't the one that was adopted is left alone.
   */
  async stop(timeoutMs: number): Promise<void> {
    this.#isLeft = true;
    let watch: Socket;
    try {
      watch = await verify(this.backend, PROBE_TIMEOUT_MS);
      this.#watch.destroy();
    } catch (error) {
      watch = this.#watch;
      if (!isProbeTimeout(error) || watch.destroyed || !endUnasked(this.backend)) {
        // It's gone, or another process has its place.
        watch.destroy();
        return;
      }
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
    while (!this.#isLeft) {
      try {
        // The connection alone may have been closed.
        const watch = await verify(this.backend, PROBE_TIMEOUT_MS);
        if (this.#isLeft) {
          watch.destroy();
          return;
        }
        this.#watch = watch;
        this.#listen();
        return;
      } catch (error) {
        // Somebody holds the endpoint and is slow: it's not gone.
        if (isProbeTimeout(error) && isStartRight(this.backend)) continue;
        if (this.#isLeft) return;
        this.#isLeft = true;
        removeSocket(this.backend.endpoint);
        this.#onGone();
      }
    }
  }
}

async function verify(expected: AdoptableBackend, timeoutMs: number): Promise<Socket> {
  const { identity, watch } = await probeUntilAnswered(expected, timeoutMs);
  const difference = differenceOf(expected, identity);
  if (difference !== undefined) {
    watch.destroy();
    throw new Error(`the process at ${expected.endpoint} is another one: ${difference}`);
  }
  return watch;
}

async function probeUntilAnswered(expected: AdoptableBackend, timeoutMs: number): Promise<ProbedBackend> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await probeBackend(expected.endpoint, Math.max(1, end - performance.now()));
    } catch (error) {
      // A process that is taken for gone because of one connection would run beside its successor.
      if (!isProbeBroken(error) || !isStartRight(expected)) throw error;
      if (performance.now() + PROBE_PAUSE_MS >= end) throw probeTimeout(expected.endpoint, timeoutMs);
      await sleep(PROBE_PAUSE_MS);
    }
  }
}

function differenceOf(expected: AdoptableBackend, found: FrameOf<'identity'>): string | undefined {
  for (const field of ['backend', 'serviceName', 'serviceVersion', 'pid'] as const) {
    if (expected[field] !== found[field]) return `${field} is ${found[field]}, not ${expected[field]}`;
  }
  return isStartRight(expected) ? undefined : `process ${expected.pid} has started at another time`;
}

function isStartRight({ pid, processStart: expected }: AdoptableBackend): boolean {
  return expected === undefined || processStart(pid) === expected;
}

/** Ends a process that can't be asked who it is, if the system knows that for sure. */
function endUnasked(backend: AdoptableBackend): boolean {
  if (backend.processStart === undefined || !isStartRight(backend)) return false;
  return wasStartedAs(backend.pid, backend.backend) && signal(backend.pid, 'SIGKILL');
}

// What the earlier broker couldn't clean up.
function removeSocket(endpoint: string): void {
  removeEndpoint(endpoint);
  removeEndpointDirectory(dirname(endpoint));
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
