import { type ChildProcess, fork } from 'node:child_process';
import { closeSync } from 'node:fs';
import {
  BACKEND_IDENTITY_VARIABLE,
  type BackendIdentity,
  formatBackendIdentity,
  STATE_DIRECTORY_VARIABLE,
} from '../wire/backendIdentity';
import { PROTOCOL_VERSION } from '../wire/wireLimits';
import type { AdoptableBackend } from './BrokerOptions';
import type { CheckedService } from './checkBrokerOptions';
import type { HandoffTransport } from './HandoffTransport';
import { openLogFile } from './openLogFile';
import { processStart } from './processStart';
import { removeEndpoint } from './removeEndpoint';
import { TransferQueue, type TransferQueueListener } from './TransferQueue';
import type { TransferTokens } from './TransferTokens';

// Answers that the process had sent before its exit are still in the channel.
const CHANNEL_DRAIN_MS = 500;
const STANDARD_ERROR = 2;

/** How a process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The process couldn't be started at all. */
  readonly error?: Error;
}

/** What a {@link BackendProcess} tells its owner. */
export interface BackendProcessListener extends TransferQueueListener {
  /** The process has left this broker by itself: nothing can be passed to it any more. What it has it may bring to an end. */
  onLeft(): void;
  /** The process is gone and its transfers are settled. Called once. */
  onExit(exit: ProcessExit): void;
}

/** One process of a backend, from its start to its end. */
export class BackendProcess {
  readonly identity: BackendIdentity;
  readonly queue: TransferQueue;
  /** What a later broker needs to adopt it; undefined if it couldn't be started. */
  readonly adoptable: AdoptableBackend | undefined;
  readonly #child: ChildProcess;
  readonly #listener: BackendProcessListener;
  readonly #stopTimeoutMs: number;
  readonly #stopped: Promise<void>;
  #settleStopped: () => void = () => {};
  #killTimer: NodeJS.Timeout | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  #exit: ProcessExit | undefined;
  #isStopping = false;
  #isOver = false;

  /**
   * Starts the process.
   *
   * @throws {Error} if it can't be started, or its log file can't be opened.
   */
  constructor(
    service: CheckedService,
    identity: BackendIdentity,
    stateDirectory: string | undefined,
    stopTimeoutMs: number,
    transport: HandoffTransport,
    tokens: TransferTokens<TransferQueue>,
    listener: BackendProcessListener,
  ) {
    this.identity = identity;
    this.#listener = listener;
    this.#stopTimeoutMs = stopTimeoutMs;
    this.#stopped = new Promise((resolve) => {
      this.#settleStopped = resolve;
    });
    const output = service.logFile === undefined ? STANDARD_ERROR : openLogFile(service.logFile);
    try {
      this.#child = fork(service.module, service.args, {
        env: {
          ...process.env,
          ...service.env,
          [BACKEND_IDENTITY_VARIABLE]: formatBackendIdentity(identity),
          // Without one too: this process may itself be a backend, of another broker.
          [STATE_DIRECTORY_VARIABLE]: stateDirectory,
        },
        execArgv: [...service.execArgv],
        serialization: 'advanced',
        stdio: ['ignore', output, output, 'ipc', ...Array<'pipe'>(transport.pipes ?? 0).fill('pipe')],
        // A process group of its own: a terminal's Ctrl-C is the broker's to handle.
        detached: true,
        ...(service.cwd === undefined ? {} : { cwd: service.cwd }),
      });
    } finally {
      if (output > STANDARD_ERROR) closeSync(output);
    }
    const { pid } = this.#child;
    const start = pid === undefined ? undefined : processStart(pid);
    this.adoptable =
      pid === undefined
        ? undefined
        : { ...identity, pid, ...(start === undefined ? {} : { processStart: start }) };
    this.queue = new TransferQueue(this.#child, transport, tokens, listener);
    // Who uses them may come later than an error, and an embedder's transport may listen for none.
    for (const pipe of this.#child.stdio) pipe?.on('error', () => {});
    this.#child.on('error', this.#onError);
    this.#child.on('exit', this.#onExit);
    this.#child.on('disconnect', this.#onDisconnect);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Lets the transfers in flight end, asks the process to stop, then makes it. Resolves when it's gone. */
  stop(): Promise<void> {
    this.#askToStop();
    this.#killTimer ??= setTimeout(() => this.#terminate(), this.#stopTimeoutMs);
    return this.#stopped;
  }

  /** As `stop`, but lets the process take as long as its connections do. */
  retire(): Promise<void> {
    this.#askToStop();
    return this.#stopped;
  }

  /** Ends the process without a word. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Leaves the process to itself: it goes on without this broker. */
  leave(): void {
    this.#child.off('exit', this.#onExit);
    this.#child.off('disconnect', this.#onDisconnect);
    this.#isOver = true;
    clearTimeout(this.#killTimer);
    this.queue.close();
    if (this.#child.connected) this.#child.disconnect();
    for (const pipe of this.#child.stdio) pipe?.destroy();
    this.#child.unref();
    this.#settleStopped();
  }

  #askToStop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    // The message could overtake handles, and what ends with the channel counts as a failure.
    this.queue.whenSettled(() => {
      if (!this.#child.connected) return;
      this.#child.send({ handoffController: PROTOCOL_VERSION, type: 'stop' }, () => {});
    });
  }

  #terminate(): void {
    this.#child.kill('SIGTERM');
    this.#killTimer = setTimeout(() => this.#child.kill('SIGKILL'), this.#stopTimeoutMs);
  }

  readonly #onError = (error: Error): void => {
    // Also told for a signal or message that couldn't be sent, which is no end: whoever sent it finds out.
    if (this.#child.pid !== undefined) return;
    this.#exit = { code: null, signal: null, error };
    this.#finish();
  };

  readonly #onExit = (code: number | null, signal: NodeJS.Signals | null): void => {
    this.#exit = { code, signal };
    clearTimeout(this.#killTimer);
    if (this.#child.connected) this.#drainTimer = setTimeout(() => this.#finish(), CHANNEL_DRAIN_MS);
    else this.#finish();
  };

  readonly #onDisconnect = (): void => {
    this.queue.close();
    if (this.#exit !== undefined) {
      this.#finish();
    } else if (!this.#isStopping) {
      this.#isStopping = true;
      this.#killTimer = setTimeout(() => this.#terminate(), this.#stopTimeoutMs);
      this.#listener.onLeft();
    }
  };

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#killTimer);
    clearTimeout(this.#drainTimer);
    this.queue.close();
    removeEndpoint(this.identity.endpoint);
    this.#settleStopped();
    this.#listener.onExit(this.#exit ?? { code: null, signal: null });
  }
}
