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

/** Callbacks of an {@link AdoptedProcess}. */
export interface AdoptedProcessListener {
  /** It accepts no more connections, but still runs. */
  onClosed(): void;
  /** It has ended, or isn't known to run. */
  onExited(): void;
}

/** A process of an earlier broker. It isn't this broker's child and has no channel: it only answers identity probes. */
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
   * Adopts the process at the endpoint after checking its identity.
   *
   * @param timeoutMs milliseconds to wait for its answer.
   * @throws {Error} it doesn't answer in time, or is another process (the promise rejects).
   */
  static async adopt(backend: AdoptableBackend, timeoutMs: number): Promise<AdoptedProcess> {
    return new AdoptedProcess(backend, await verify(backend, timeoutMs));
  }

  /** Sets the listener. It isn't called after `leave` or `stop`. */
  listen(listener: AdoptedProcessListener): void {
    this.#listener = listener;
    if (this.#isClosed) void this.#tellEnd();
  }

  /** Stops watching; the process keeps running. */
  leave(): void {
    this.#isLeft = true;
    this.#watch.destroy();
  }

  /**
   * Ends the process with SIGTERM, and with SIGKILL if it still runs after `timeoutMs` milliseconds or doesn't answer a probe.
   * Leaves another process alone.
   */
  async stop(timeoutMs: number): Promise<void> {
    this.#isLeft = true;
    let watch: Socket | undefined;
    let graceMs = timeoutMs;
    try {
      watch = await verify(this.backend, PROBE_TIMEOUT_MS);
    } catch (error) {
      // It has ended, doesn't answer, or another process listens at its endpoint.
      if (isProbeTimeout(error)) graceMs = 0;
    }
    this.#watch.destroy();
    const isEnded = await endIfProved(this.backend, graceMs);
    if (watch !== undefined && !isEnded) await this.#endWatched(watch, timeoutMs);
    watch?.destroy();
    if (isEnded || watch !== undefined) removeSocket(this.backend.endpoint);
  }

  /** Ends a process that the system can't identify but that answered a probe: its connection closes when it ends. */
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
        // Perhaps only the connection was closed.
        const watch = await verify(this.backend, PROBE_TIMEOUT_MS);
        if (this.#isLeft) {
          watch.destroy();
          return;
        }
        this.#watch = watch;
        this.#listen();
        return;
      } catch (error) {
        // A process that listens but is slow hasn't ended.
        if (isProbeTimeout(error) && isStartRight(this.backend)) continue;
        if (this.#isLeft) return;
        this.#isLeft = true;
        this.#isClosed = true;
        removeSocket(this.backend.endpoint);
        await this.#tellEnd();
      }
    }
  }

  /** A process that has closed its endpoint may still run, to finish its connections. */
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
    throw new Error(`another process listens at ${expected.endpoint}: ${difference}`);
  }
  return watch;
}

async function probeUntilAnswered(expected: AdoptableBackend, timeoutMs: number): Promise<ProbedBackend> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await probeBackend(expected.endpoint, Math.max(1, end - performance.now()));
    } catch (error) {
      // One broken connection doesn't prove that the process has ended; a successor must not run beside it.
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
  return isStartRight(expected) ? undefined : `process ${expected.pid} was started at another time`;
}

// The earlier broker can't remove them any more.
function removeSocket(endpoint: string): void {
  removeEndpoint(endpoint);
  removeEndpointDirectory(dirname(endpoint));
}
