import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAskTimeout } from '../../protocol/askEndpoint';
import type { FrameOf } from '../../protocol/frame';
import { removeEndpointDirectory } from '../files/endpointDirectory';
import { removeEndpoint } from '../files/removeEndpoint';
import type { AdoptableBackend } from '../options/BrokerOptions';
import type { RefusedAnswer } from '../transfers/TransferQueue';
import { endIfProved, isStartRight, sendSignal } from './endProcess';
import { ProcessLink, type SharedByLinks } from './ProcessLink';
import { type ExpectedProcess, verifyProcess } from './verifyProcess';

const PROBE_TIMEOUT_MS = 2000;
const EXIT_POLL_MS = 50;

/** What the owner of an {@link AdoptedProcess} is told. */
export interface AdoptedProcessListener {
  /** Connections can be handed to it. */
  onRejoined(): void;
  /** Connections can't be handed to it. */
  onChannelFailed(cause: unknown): void;
  /** An answer came that isn't the awaited one. A late refusal is no news and isn't told. */
  onRefusedAnswer(why: RefusedAnswer): void;
  /** It takes no connections any more, and still runs. */
  onEndpointClosed(): void;
  /** It has ended, as far as that can be told. With `isChannelOpen`, `onChannelClosed` comes. */
  onExited(isChannelOpen: boolean): void;
  /** All that it said is read. */
  onChannelClosed(): void;
}

/** A process that an earlier broker started. It's no child of this one: what is known of it is what it says. */
export class AdoptedProcess {
  readonly backend: AdoptableBackend;
  readonly link: ProcessLink;
  readonly #expected: ExpectedProcess;
  #listener: AdoptedProcessListener | undefined;
  #isLeft = false;
  #isClosed = false;

  private constructor(
    backend: AdoptableBackend,
    expected: ExpectedProcess,
    watch: Socket,
    shared: SharedByLinks,
  ) {
    this.backend = backend;
    this.#expected = expected;
    const { transport, tokens } = shared;
    this.link = new ProcessLink(
      { identity: backend, transport, tokens, expected },
      {
        onChannelOpened: () => {
          if (this.link.queue !== undefined) this.#listener?.onRejoined();
        },
        onChannelClosed: () => this.#listener?.onChannelClosed(),
        onChannelFailed: (cause) => this.#listener?.onChannelFailed(cause),
        onRefusedAnswer: (why) => this.#listener?.onRefusedAnswer(why),
        onEndpointClosed: () => this.#onEndpointClosed(),
      },
    );
    this.link.follow(watch);
  }

  /**
   * Makes sure that the process at the endpoint is the one that is meant.
   *
   * @param timeoutMs milliseconds that it has to answer.
   * @throws {Error} if it isn't (the promise rejects).
   */
  static async adopt(
    backend: AdoptableBackend,
    timeoutMs: number,
    shared: SharedByLinks,
  ): Promise<AdoptedProcess> {
    const expected: ExpectedProcess = {
      endpoint: backend.endpoint,
      differenceOf: (found) => differenceOf(backend, found),
      isThere: () => isStartRight(backend),
    };
    return new AdoptedProcess(backend, expected, await verifyProcess(expected, timeoutMs), shared);
  }

  /** Has it told what becomes of the process. Not after `leave` or `stop`. */
  listen(listener: AdoptedProcessListener): void {
    this.#listener = listener;
    if (this.#isClosed) void this.#tellEnd();
  }

  /** Opens a channel to it. Resolves when that is done or has failed. */
  rejoin(): Promise<void> {
    return this.link.openChannel();
  }

  /**
   * Asks the process to stop, once the transfers in flight have ended; without a channel, by SIGTERM.
   *
   * @param timeoutMs milliseconds until it's ended; undefined if nobody ends it.
   */
  askToStop(timeoutMs: number | undefined): void {
    if (!this.link.drain(timeoutMs) && isStartRight(this.backend)) sendSignal(this.backend.pid, 'SIGTERM');
  }

  /** The process is gone: ends its transfers. */
  cleanUp(): void {
    this.link.close();
  }

  /** Stops watching; the process goes on. */
  leave(): void {
    this.#isLeft = true;
    this.link.close();
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
      watch = await verifyProcess(this.#expected, PROBE_TIMEOUT_MS);
    } catch (error) {
      // It's gone, or doesn't answer, or another process has its place.
      if (isAskTimeout(error)) graceMs = 0;
    }
    const isEnded = await endIfProved(this.backend, graceMs);
    if (watch !== undefined && !isEnded) await this.#endWatched(watch, timeoutMs);
    watch?.destroy();
    this.link.close();
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

  #onEndpointClosed(): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    this.#isClosed = true;
    removeSocket(this.backend.endpoint);
    void this.#tellEnd();
  }

  /** It may only have closed its endpoint, to bring to an end what it has. */
  async #tellEnd(): Promise<void> {
    if (isKnownToRun(this.backend)) this.#listener?.onEndpointClosed();
    while (isKnownToRun(this.backend)) await sleep(EXIT_POLL_MS, undefined, { ref: false });
    this.link.stopSending();
    this.#listener?.onExited(this.link.isChannelOpen);
  }
}

function isKnownToRun(backend: AdoptableBackend): boolean {
  return backend.processStart !== undefined && isStartRight(backend);
}

function differenceOf(expected: AdoptableBackend, found: FrameOf<'identity'>): string | undefined {
  for (const field of ['backend', 'serviceName', 'serviceVersion', 'pid'] as const) {
    if (expected[field] !== found[field]) return `${field} is ${found[field]}, not ${expected[field]}`;
  }
  return isStartRight(expected) ? undefined : `process ${expected.pid} was started at another time`;
}

// What the earlier broker couldn't clean up.
function removeSocket(endpoint: string): void {
  removeEndpoint(endpoint);
  removeEndpointDirectory(dirname(endpoint));
}
