import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import {
  BACKEND_IDENTITY_VARIABLE,
  type BackendIdentity,
  formatBackendIdentity,
  STATE_DIRECTORY_VARIABLE,
} from '../../protocol/backendIdentity';
import { openLogFile } from '../files/openLogFile';
import { removeEndpoint } from '../files/removeEndpoint';
import type { AdoptableBackend } from '../options/BrokerOptions';
import type { CheckedService } from '../options/checkBrokerOptions';
import type { RefusedAnswer } from '../transfers/TransferQueue';
import { ProcessLink, type SharedByLinks } from './ProcessLink';
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
  /** Connections can't be handed to it. */
  onChannelFailed(cause: unknown): void;
  /** The program couldn't be started. */
  onSpawnFailed(error: Error): void;
  /** It takes no connections any more, and still runs. */
  onEndpointClosed(): void;
  /** It has ended. With `isChannelOpen`, what it said last is still to be read, and `onChannelClosed` comes. */
  onExit(exit: ProcessExit, isChannelOpen: boolean): void;
  /** It has ended, and all that it said is read. */
  onChannelClosed(): void;
}

/** What a process is started with. */
export interface BackendProcessOptions extends SharedByLinks {
  readonly service: CheckedService;
  readonly identity: BackendIdentity;
  /** Of the broker, without links; undefined if it has none. */
  readonly stateDirectory: string | undefined;
}

/** A process that this broker started, and the way to it. When to do what is the chart's to say. */
export class BackendProcess {
  readonly identity: BackendIdentity;
  readonly link: ProcessLink;
  /** What a later broker needs to adopt it; undefined if it couldn't be started. */
  readonly adoptable: AdoptableBackend | undefined;
  readonly #child: ChildProcess;
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
      this.#child = spawn(process.execPath, [...service.execArgv, service.module, ...service.args], {
        env: {
          ...process.env,
          ...service.env,
          [BACKEND_IDENTITY_VARIABLE]: formatBackendIdentity(identity),
          // Without one too: this process may itself be a backend, of another broker.
          [STATE_DIRECTORY_VARIABLE]: stateDirectory,
        },
        serialization: 'advanced',
        stdio: ['ignore', output, output, ...(transport.nodeIpc === true ? (['ipc'] as const) : [])],
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
    const { pid } = this.#child;
    const start = pid === undefined ? undefined : processStart(pid);
    this.adoptable =
      pid === undefined
        ? undefined
        : { ...identity, pid, ...(start === undefined ? {} : { processStart: start }) };
    this.link = new ProcessLink(
      {
        identity,
        child: this.#child,
        transport,
        tokens,
        expected: {
          endpoint: identity.endpoint,
          // Its process id may be another one than the child's, which may have started it.
          differenceOf: ({ backend }) =>
            backend === identity.backend ? undefined : `backend is ${backend}, not ${identity.backend}`,
          isThere: () => !this.#hasExited,
        },
      },
      {
        onChannelOpened: () => {},
        onChannelClosed: () => {
          if (this.#hasExited) listener.onChannelClosed();
        },
        onChannelFailed: (cause) => listener.onChannelFailed(cause),
        onEndpointClosed: () => listener.onEndpointClosed(),
        onRefusedAnswer: (why) => listener.onRefusedAnswer(why),
      },
    );
    if (pid !== undefined) void this.#waitUntilListening();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * Asks the process to stop, once the transfers in flight have ended; without a channel, by SIGTERM.
   *
   * @param timeoutMs milliseconds until it's ended; undefined if nobody ends it.
   */
  askToStop(timeoutMs: number | undefined): void {
    if (!this.link.drain(timeoutMs)) this.terminate();
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
    this.#close();
    this.#child.unref();
  }

  /** The process is gone: ends its transfers, and removes what it left. */
  cleanUp(): void {
    this.#close();
    removeEndpoint(this.identity.endpoint);
  }

  #close(): void {
    this.link.close();
    // Its channel may not have been opened, and a program that the process started may keep the other end.
    if (this.#child.connected) this.#child.disconnect();
  }

  async #waitUntilListening(): Promise<void> {
    await this.link.untilListening();
    await this.link.openChannel();
    if (!this.#hasExited) this.#listener.onListening();
  }

  readonly #onError = (error: Error): void => {
    // Also told for a signal or message that couldn't be sent, which is no end: whoever sent it finds out.
    if (this.#child.pid === undefined) this.#listener.onSpawnFailed(error);
  };

  readonly #onExit = (code: number | null, signal: NodeJS.Signals | null): void => {
    this.#hasExited = true;
    this.link.stopSending();
    this.#listener.onExit({ code, signal }, this.link.isChannelOpen);
  };
}
