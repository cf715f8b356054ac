import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAskBroken, isAskTimeout } from '../../protocol/askEndpoint';
import type { BackendIdentity } from '../../protocol/backendIdentity';
import type { DrainMessage } from '../../protocol/ipcMessage';
import { PROTOCOL_VERSION } from '../../protocol/wireLimits';
import type { HandoffChannel, HandoffChannelListener } from '../channels/HandoffChannel';
import type { HandoffTransport } from '../channels/HandoffTransport';
import { type RefusedAnswer, TransferQueue } from '../transfers/TransferQueue';
import type { TransferTokens } from '../transfers/TransferTokens';
import { type ExpectedProcess, verifyProcess } from './verifyProcess';

const PROBE_TIMEOUT_MS = 2000;
// How long a process that has been started is left alone before it's asked again.
const FIRST_PROBE_PAUSE_MS = 5;
const MAX_PROBE_PAUSE_MS = 100;
const FIRST_REOPEN_PAUSE_MS = 50;
const MAX_REOPEN_PAUSE_MS = 1000;

/** What all links of a broker use. */
export interface SharedByLinks {
  readonly transport: HandoffTransport;
  /** Shared by the queues of all backends, so that one can tell what is another's. */
  readonly tokens: TransferTokens<TransferQueue>;
}

/** Options of {@link ProcessLink}. */
export interface ProcessLinkOptions extends SharedByLinks {
  readonly identity: BackendIdentity;
  /** Undefined if this broker didn't start it. */
  readonly child?: ChildProcess | undefined;
  readonly expected: ExpectedProcess;
}

/** What a {@link ProcessLink} tells its owner. */
export interface ProcessLinkListener {
  /** There is a channel, after which handles may be passed. */
  onChannelOpened(): void;
  /** All that was said on the channel is read. It's opened again if the process still takes connections. */
  onChannelClosed(): void;
  /** There is no channel, for now or for good. Told once until there was one. */
  onChannelFailed(cause: unknown): void;
  /** It takes no connections any more. */
  onEndpointClosed(): void;
  /** An answer came that isn't the awaited one. A late refusal is no news and isn't told. */
  onRefusedAnswer(why: RefusedAnswer): void;
}

/** The way to a process that takes connections: one that tells when it takes no more, and the channel. */
export class ProcessLink {
  readonly #options: ProcessLinkOptions;
  readonly #listener: ProcessLinkListener;
  #watch: Socket | undefined;
  #channel: HandoffChannel | undefined;
  #queue: TransferQueue | undefined;
  #reported = 0;
  #pickedSince = 0;
  #reopening: NodeJS.Timeout | undefined;
  #reopenPauseMs = FIRST_REOPEN_PAUSE_MS;
  #hasToldFailure = false;
  #drain: DrainMessage | undefined;
  #isEndpointClosed = false;
  #isClosed = false;

  constructor(options: ProcessLinkOptions, listener: ProcessLinkListener) {
    this.#options = options;
    this.#listener = listener;
  }

  /** The transfers to the process; undefined where none can be made. */
  get queue(): TransferQueue | undefined {
    return (this.#channel?.capacity ?? 0) > 0 ? this.#queue : undefined;
  }

  /** Whether something that the process said may still be unread. */
  get isChannelOpen(): boolean {
    return this.#channel !== undefined;
  }

  /** The connections that the process has open: those that it reported, and those that were sent to it since then. */
  get openConnections(): number {
    return this.#reported + this.#pickedSince;
  }

  /** A client is sent to the process. */
  countPick(): void {
    this.#pickedSince += 1;
  }

  /** Asks a process that has been started until it takes connections. Resolves then, or when the link is closed. */
  async untilListening(): Promise<void> {
    const { expected } = this.#options;
    for (
      let pauseMs = FIRST_PROBE_PAUSE_MS;
      !this.#isClosed;
      pauseMs = Math.min(2 * pauseMs, MAX_PROBE_PAUSE_MS)
    ) {
      await sleep(pauseMs);
      try {
        if (!this.#isClosed) this.follow(await verifyProcess(expected, PROBE_TIMEOUT_MS));
        return;
      } catch {
        // It isn't there yet. How long that may take is the chart's to say.
      }
    }
  }

  /** @param watch tells by its end that the process takes no more connections. */
  follow(watch: Socket): void {
    if (this.#isClosed) {
      watch.destroy();
      return;
    }
    this.#watch = watch;
    if (watch.closed) void this.#onWatchClosed();
    else watch.once('close', () => void this.#onWatchClosed());
  }

  /** Opens the channel. Resolves when that is done or has failed. */
  async openChannel(): Promise<void> {
    if (this.#isClosed || this.#isEndpointClosed || this.#channel !== undefined) return;
    const { identity, child, transport, tokens } = this.#options;
    let isOver = false;
    const listener: HandoffChannelListener = {
      onAnswer: (answer) => this.#queue?.receive(answer),
      onReport: (openConnections) => {
        this.#reported = openConnections;
        this.#pickedSince = this.#queue?.size ?? 0;
      },
      onClosed: () => {
        isOver = true;
        this.#onChannelClosed();
      },
    };
    try {
      const channel = await transport.open({ identity, child }, listener);
      if (this.#isClosed || isOver) {
        channel.close();
        return;
      }
      this.#channel = channel;
      this.#queue = new TransferQueue(channel, tokens, (why) => this.#listener.onRefusedAnswer(why));
      this.#hasToldFailure = false;
      this.#listener.onChannelOpened();
      if (this.#drain !== undefined) this.#channel?.drain(this.#drain);
    } catch (cause) {
      this.#onOpenFailed(cause);
    }
  }

  /**
   * Asks the process to drain, once the transfers in flight have ended: the question must not overtake a handle, and what
   * ends with the channel counts as a failure.
   *
   * @param timeoutMs milliseconds until the process is ended; undefined if nobody ends it.
   * @returns whether there is a channel to ask on.
   */
  drain(timeoutMs: number | undefined): boolean {
    const channel = this.#channel;
    if (channel === undefined || this.#queue === undefined) return false;
    const message: DrainMessage = {
      handoffController: PROTOCOL_VERSION,
      type: 'drain',
      ...(timeoutMs !== undefined && { timeoutMs }),
    };
    this.#drain = message;
    this.#queue.whenSettled(() => channel.drain(message));
    return true;
  }

  /** What is on its way may still be answered for. */
  stopSending(): void {
    this.#queue?.stopSending();
  }

  /** Ends the transfers, and tells nothing any more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#reopening);
    this.#watch?.destroy();
    this.#channel?.close();
    this.#queue?.close();
  }

  #onOpenFailed(cause: unknown): void {
    if (this.#isClosed || this.#isEndpointClosed) return;
    if (isAskBroken(cause) || isAskTimeout(cause)) this.#openLater();
    if (this.#hasToldFailure) return;
    this.#hasToldFailure = true;
    this.#listener.onChannelFailed(cause);
  }

  #openLater(): void {
    this.#reopening = setTimeout(() => void this.openChannel(), this.#reopenPauseMs);
    this.#reopenPauseMs = Math.min(2 * this.#reopenPauseMs, MAX_REOPEN_PAUSE_MS);
  }

  #onChannelClosed(): void {
    const queue = this.#queue;
    this.#channel = undefined;
    this.#queue = undefined;
    queue?.close();
    if (this.#isClosed) return;
    // First, since whoever is told may close this.
    if (!this.#isEndpointClosed) this.#openLater();
    this.#listener.onChannelClosed();
  }

  async #onWatchClosed(): Promise<void> {
    const { expected } = this.#options;
    while (!this.#isClosed) {
      try {
        // The connection alone may have been closed.
        this.follow(await verifyProcess(expected, PROBE_TIMEOUT_MS));
        return;
      } catch (error) {
        // Somebody holds the endpoint and is slow: it's not gone.
        if (isAskTimeout(error) && expected.isThere()) continue;
        if (this.#isClosed) return;
        this.#isEndpointClosed = true;
        clearTimeout(this.#reopening);
        this.stopSending();
        this.#listener.onEndpointClosed();
        return;
      }
    }
  }
}
