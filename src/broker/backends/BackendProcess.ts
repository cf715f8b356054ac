import { type ChildProcess, fork } from 'node:child_process';
import { closeSync } from 'node:fs';
import {
  BACKEND_IDENTITY_VARIABLE,
  type BackendIdentity,
  formatBackendIdentity,
  STATE_DIRECTORY_VARIABLE,
} from '../../protocol/backendIdentity';
import { PROTOCOL_VERSION } from '../../protocol/wireLimits';
import type { HandoffTransport } from '../channels/HandoffTransport';
import { ProcessChannel } from '../channels/ProcessChannel';
import { openLogFile } from '../files/openLogFile';
import { removeEndpoint } from '../files/removeEndpoint';
import type { AdoptableBackend } from '../options/BrokerOptions';
import type { CheckedService } from '../options/checkBrokerOptions';
import { type RefusedAnswer, TransferQueue } from '../transfers/TransferQueue';
import type { TransferTokens } from '../transfers/TransferTokens';
import { processStart } from './processStart';

const STANDARD_ERROR = 2;

/** How a process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a {@link BackendProcess} tells its owner. */
export interface BackendProcessListener {
  /** Its endpoint accepts connections. */
  onListening(): void;
  /** An answer came that isn't the awaited one. A late refusal is no news and isn't told. */
  onRefusedAnswer(why: RefusedAnswer): void;
  /** The program couldn't be started. */
  onSpawnFailed(error: Error): void;
  /** It has ended. With `isChannelOpen`, what it said last is still to be read, and `onChannelClosed` comes. */
  onExit(exit: ProcessExit, isChannelOpen: boolean): void;
  /** Nothing can be passed to it any more, and if it has ended, all that it said is read. */
  onChannelClosed(): void;
}

/** What a process is started with. */
export interface BackendProcessOptions {
  readonly service: CheckedService;
  readonly identity: BackendIdentity;
  /** Of the broker, without links; undefined if it has none. */
  readonly stateDirectory: string | undefined;
  readonly transport: HandoffTransport;
  readonly tokens: TransferTokens<TransferQueue>;
}

/** A process that this broker started, and the way to it. When to do what is the chart's to say. */
export class BackendProcess {
  readonly identity: BackendIdentity;
  readonly queue: TransferQueue;
  /** What a later broker needs to adopt it; undefined if it couldn't be started. */
  readonly adoptable: AdoptableBackend | undefined;
  readonly #child: ChildProcess;
  readonly #channel: ProcessChannel;
  readonly #listener: BackendProcessListener;
  #hasExited = false;

  /**
   * Starts the process.
   *
   * @throws {Error} if it can't be started, or its log file can't be opened.
   */
  constructor(options: BackendProcessOptions, listener: BackendProcessListener) {
    const { service, identity, stateDirectory, transport, tokens } = options;
    this.identity = identity;
    this.#listener = listener;
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
    // First of all: what can't be started says so by an event, which would end this process if nobody listened.
    this.#child.on('error', this.#onError);
    this.#child.on('exit', this.#onExit);
    // Who uses them may come later than an error, and an embedder's transport may listen for none.
    for (const pipe of this.#pipes) pipe?.on('error', () => {});
    const { pid } = this.#child;
    const start = pid === undefined ? undefined : processStart(pid);
    this.adoptable =
      pid === undefined
        ? undefined
        : { ...identity, pid, ...(start === undefined ? {} : { processStart: start }) };
    this.#channel = new ProcessChannel(this.#child, transport, {
      onListening: () => listener.onListening(),
      onAnswer: (answer) => this.queue.receive(answer),
      onCut: () => this.#onCut(),
      onClosed: () => this.#onClosed(),
    });
    this.queue = new TransferQueue(this.#channel, tokens, (why) => listener.onRefusedAnswer(why));
  }

  /** None where there was no descriptor left to start it, whatever Node's types say. */
  get #pipes(): ChildProcess['stdio'] | [] {
    return this.#child.stdio ?? [];
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Asks the process to stop, once the transfers in flight have ended. */
  askToStop(): void {
    // The message could overtake handles, and what ends with the channel counts as a failure.
    this.queue.whenSettled(() => {
      if (!this.#child.connected) return;
      this.#child.send({ handoffController: PROTOCOL_VERSION, type: 'stop' }, () => {});
    });
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Leaves the process to itself: it goes on without this broker. */
  leave(): void {
    this.#child.off('exit', this.#onExit);
    this.#channel.close();
    this.queue.close();
    if (this.#child.connected) this.#child.disconnect();
    for (const pipe of this.#pipes) pipe?.destroy();
    this.#child.unref();
  }

  /** The process is gone: ends its transfers, and removes what it left. */
  cleanUp(): void {
    this.#channel.close();
    this.queue.close();
    removeEndpoint(this.identity.endpoint);
  }

  readonly #onError = (error: Error): void => {
    // Also told for a signal or message that couldn't be sent, which is no end: whoever sent it finds out.
    if (this.#child.pid === undefined) this.#listener.onSpawnFailed(error);
  };

  readonly #onExit = (code: number | null, signal: NodeJS.Signals | null): void => {
    this.#hasExited = true;
    this.queue.stopSending();
    this.#listener.onExit({ code, signal }, this.#channel.isOpen);
  };

  /** What it said before may still be unread, but clients must not be sent to it any more. */
  #onCut(): void {
    this.queue.stopSending();
    if (!this.#hasExited) this.#listener.onChannelClosed();
  }

  #onClosed(): void {
    this.queue.close();
    if (this.#hasExited) this.#listener.onChannelClosed();
  }
}
