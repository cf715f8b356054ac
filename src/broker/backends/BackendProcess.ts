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

/** Callbacks of a {@link BackendProcess}. */
export interface BackendProcessListener {
  /** Its endpoint accepts connections. */
  onListening(): void;
  /** An answer was refused. Not called for a late refusal, which changes nothing. */
  onRefusedAnswer(why: RefusedAnswer): void;
  /** The process couldn't be started. */
  onSpawnFailed(error: Error): void;
  /** It has ended. With `isChannelOpen`, its last messages are still to be read, and `onChannelClosed` follows. */
  onExit(exit: ProcessExit, isChannelOpen: boolean): void;
  /** Nothing can be sent to it any more. If it has ended, all its messages were read. */
  onChannelClosed(): void;
}

/** Options of {@link BackendProcess}. */
export interface BackendProcessOptions {
  readonly service: CheckedService;
  readonly identity: BackendIdentity;
  /** The broker's state directory with links resolved; undefined if it has none. */
  readonly stateDirectory: string | undefined;
  readonly transport: HandoffTransport;
  readonly tokens: TransferTokens<TransferQueue>;
}

/** A process that this broker started, and the channel to it. The chart `backendLifecycle` decides when to do what. */
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
          // Set even if undefined: this process may itself be a backend of another broker and have the variable.
          [STATE_DIRECTORY_VARIABLE]: stateDirectory,
        },
        execArgv: [...service.execArgv],
        serialization: 'advanced',
        stdio: ['ignore', output, output, 'ipc', ...Array<'pipe'>(transport.pipes ?? 0).fill('pipe')],
        // A process group of its own, so that a terminal's Ctrl-C reaches only the broker.
        detached: true,
        ...(service.cwd === undefined ? {} : { cwd: service.cwd }),
      });
    } finally {
      if (output > STANDARD_ERROR) closeSync(output);
    }
    // Before anything else: a failed start emits `error`, which would end this process if nobody listened.
    this.#child.on('error', this.#onError);
    this.#child.on('exit', this.#onExit);
    // An error may come before the transport listens, and an embedder's transport may never listen.
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

  /** Contrary to Node's types, `stdio` is missing if no descriptor was left for the start. */
  get #pipes(): ChildProcess['stdio'] | [] {
    return this.#child.stdio ?? [];
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Asks the process to stop, after the transfers in flight have ended. */
  askToStop(): void {
    // The message could overtake handles, and transfers that end with the channel count as failures.
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

  /** Lets the process run on without this broker. */
  leave(): void {
    this.#child.off('exit', this.#onExit);
    this.#close();
    this.#child.unref();
  }

  /** After the process has ended: ends its transfers and removes its socket. */
  cleanUp(): void {
    this.#close();
    removeEndpoint(this.identity.endpoint);
  }

  /** Closes the descriptors too: a program that the process started may keep the other ends open. */
  #close(): void {
    this.#channel.close();
    this.queue.close();
    if (this.#child.connected) this.#child.disconnect();
    for (const pipe of this.#pipes) pipe?.destroy();
  }

  readonly #onError = (error: Error): void => {
    // Also emitted if a signal or message couldn't be sent; its sender handles that.
    if (this.#child.pid === undefined) this.#listener.onSpawnFailed(error);
  };

  readonly #onExit = (code: number | null, signal: NodeJS.Signals | null): void => {
    this.#hasExited = true;
    this.queue.stopSending();
    this.#listener.onExit({ code, signal }, this.#channel.isOpen);
  };

  /** Its last messages may still be unread, but it must get no more clients. */
  #onCut(): void {
    this.queue.stopSending();
    if (!this.#hasExited) this.#listener.onChannelClosed();
  }

  #onClosed(): void {
    this.queue.close();
    if (this.#hasExited) this.#listener.onChannelClosed();
  }
}
