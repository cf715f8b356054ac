import { resolve } from 'node:path';
import { monotonicNow } from '../net/monotonicNow';
import { requireSocketPath } from '../net/requireSocketPath';
import {
  BACKEND_IDENTITY_VARIABLE,
  type BackendIdentity,
  parseBackendIdentity,
  STATE_DIRECTORY_VARIABLE,
} from '../protocol/backendIdentity';
import { Application } from './Application';
import type { ServeBackendOptions, ServedBackend } from './BackendOptions';
import { BrokerChannels } from './BrokerChannels';
import { ClaimTable } from './ClaimTable';
import { checkBackendOptions } from './checkBackendOptions';
import { Endpoint } from './Endpoint';
import { HandoffBackendError } from './HandoffBackendError';

/**
 * Serves the connections that a broker brings to this process, handed over or reconnected, and tells the broker that it
 * is ready. Call it once in a process that `createBroker` started. If that broker has asked it to stop already, it's closed
 * when the promise resolves.
 *
 * @throws {TypeError | RangeError} an option is bad or isn't known; the message names the field and the value (the promise
 *   rejects).
 * @throws {HandoffBackendError} `noIdentity` or `listenFailed` (the promise rejects).
 */
export async function serveBackend(options: ServeBackendOptions): Promise<ServedBackend> {
  const service = new BackendService(options);
  await service.listen();
  return service;
}

class BackendService implements ServedBackend {
  readonly identity: BackendIdentity;
  readonly endpoint: string;
  readonly #surviveBroker: boolean;
  readonly #application: Application;
  readonly #channels: BrokerChannels;
  readonly #listener: Endpoint;
  #closed: Promise<void> | undefined;
  #isDraining = false;

  constructor(options: ServeBackendOptions) {
    const checked = checkBackendOptions(options);
    const { backlog, helloTimeoutMs, maxPendingAttaches } = checked;
    const identity = checked.identity ?? parseBackendIdentity(process.env[BACKEND_IDENTITY_VARIABLE]);
    if (identity === undefined) {
      throw new HandoffBackendError(
        'noIdentity',
        `this process was not started by a broker (no valid ${BACKEND_IDENTITY_VARIABLE}), and no identity is given`,
      );
    }
    // What this process starts isn't the broker's.
    delete process.env[STATE_DIRECTORY_VARIABLE];
    this.endpoint = requireSocketPath('endpoint', resolve(checked.endpoint ?? identity.endpoint));
    this.identity = Object.freeze({ ...identity, endpoint: this.endpoint });
    this.#surviveBroker = checked.surviveBroker;
    const application = new Application(checked);
    const claims = new ClaimTable({
      ttlMs: checked.claimTtlMs,
      maxClaims: checked.maxClaims,
      now: monotonicNow,
    });
    this.#application = application;
    this.#channels = new BrokerChannels({
      identity: this.identity,
      claims,
      application,
      readyTimeoutMs: helloTimeoutMs,
      onDrain: () => void this.close(),
      onAllClosed: () => {
        if (!this.#surviveBroker) void this.close();
      },
    });
    this.#listener = new Endpoint({
      identity: this.identity,
      claims,
      application,
      channels: this.#channels,
      backlog,
      helloTimeoutMs,
      maxPendingAttaches,
    });
  }

  async listen(): Promise<void> {
    this.#channels.listen();
    try {
      // A broker that died in the meantime may have a successor that has already started another process. An end of Node's
      // channel that has come is seen in one turn of the loop; where there is none, the successor finds this process.
      await new Promise(setImmediate);
      if (process.connected === false) throw new Error('the broker that started this process has ended');
      // It was asked to stop while it started.
      if (this.#closed !== undefined) return await this.#closed;
      await this.#listener.listen();
    } catch (cause) {
      this.#channels.stopListening();
      const message = `can't listen on ${this.endpoint}: ${(cause as Error).message}`;
      throw new HandoffBackendError('listenFailed', message, { cause });
    }
    this.#application.onOpenConnections = () => this.#onOpenConnections();
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#listener.close();
      this.#channels.stopTaking();
      // Called for one connection, it must not cost those that have come with it their answers: without them the broker
      // would count each as a failure.
      setImmediate(() => {
        this.#channels.flush();
        this.#isDraining = true;
        this.#onOpenConnections();
        resolve();
      });
    });
    return this.#closed;
  }

  /** Brokers hear of what is open until nothing is. */
  #onOpenConnections(): void {
    if (this.#isDraining && this.#application.openConnections === 0) this.#channels.close();
    else this.#channels.report();
  }
}
