import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FrameOf } from '../../protocol/frame';
import { removeEndpointDirectory } from '../files/endpointDirectory';
import { removeEndpoint } from '../files/removeEndpoint';
import type { AdoptableBackend } from '../options/BrokerOptions';
import { endIfProved, isStartRight, sendSignal } from './endProcess';
import {
  isProbeBroken,
  isProbeTimeout,
  type ProbedBackend,
  probeBackend,
  probeTimeout,
} from './probeBackend';

const PROBE_TIMEOUT_MS = 2000;
const PROBE_PAUSE_MS = 50;
const EXIT_POLL_MS = 50;

/** What the owner of an {@link AdoptedProcess} is told. */
export interface AdoptedProcessListener {
  /** It takes no connections any more, and still runs. */
  onClosed(): void;
  /** It has ended, as far as that can be told. */
  onExited(): void;
}

/** A process that an earlier broker started. It's no child of this one: all it can be asked is who it is. */
export class AdoptedProcess {
  readonly backend: AdoptableBackend;
  #listener: AdoptedProcessListener | undefined;
  #watch: Socket;
  #isLeft = false;
  #isClosed = false;

  private constructor(backend: AdoptableBackend, watch: Socket) {
    this.backend = backend;
    this.#watch = watch;
    this.#listen();
  }

  /**
   * Makes sure that the process at the endpoint is the one that is meant.
   *
   * @param timeoutMs milliseconds that it has to answer.
   * @throws {Error} if it isn't (the promise rejects).
   */
  static async adopt(backend: AdoptableBackend, timeoutMs: number): Promise<AdoptedProcess> {
    return new AdoptedProcess(backend, await verify(backend, timeoutMs));
  }

  /** Has it told what becomes of the process. Not after `leave` or `stop`. */
  listen(listener: AdoptedProcessListener): void {
    this.#listener = listener;
    if (this.#isClosed) void this.#tellEnd();
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
    let watch: Socket | undefined;
    let graceMs = timeoutMs;
    try {
      watch = await verify(this.backend, PROBE_TIMEOUT_MS);
    } catch (error) {
      // It's gone, or doesn't answer, or another process has its place.
      if (isProbeTimeout(error)) graceMs = 0;
    }
    this.#watch.destroy();
    const isEnded = await endIfProved(this.backend, graceMs);
    if (watch !== undefined && !isEnded) await this.#endWatched(watch, timeoutMs);
    watch?.destroy();
    if (isEnded || watch !== undefined) removeSocket(this.backend.endpoint);
  }

  /** The system can't tell when the process is gone, but it has said who it is, and its connection ends with it. */
  #endWatched(watch: Socket, timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => sendSignal(this.backend.pid, 'SIGKILL'), timeoutMs);
      watch.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      if (!sendSignal(this.backend.pid, 'SIGTERM')) watch.destroy();
    });
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
        this.#isClosed = true;
        removeSocket(this.backend.endpoint);
        await this.#tellEnd();
      }
    }
  }

  /** It may only have closed its endpoint, to bring to an end what it has. */
  async #tellEnd(): Promise<void> {
    if (isKnownToRun(this.backend)) this.#listener?.onClosed();
    while (isKnownToRun(this.backend)) await sleep(EXIT_POLL_MS, undefined, { ref: false });
    this.#listener?.onExited();
  }
}

function isKnownToRun(backend: AdoptableBackend): boolean {
  return backend.processStart !== undefined && isStartRight(backend);
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

// What the earlier broker couldn't clean up.
function removeSocket(endpoint: string): void {
  removeEndpoint(endpoint);
  removeEndpointDirectory(dirname(endpoint));
}
