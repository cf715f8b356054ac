import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { onRejection, requireAnswer } from '../errors/callbackAnswer';
import { messageOf } from '../errors/showValue';
import { holdReading, releaseReading } from '../net/holdReading';
import { lingeringClose } from '../net/lingeringClose';
import { monotonicNow } from '../net/monotonicNow';
import { PeerConnections } from '../net/PeerConnections';
import { requireSocketPath } from '../net/requireSocketPath';
import { writeThrough } from '../net/writeThrough';
import {
  BACKEND_IDENTITY_VARIABLE,
  type BackendIdentity,
  parseBackendIdentity,
  STATE_DIRECTORY_VARIABLE,
} from '../protocol/backendIdentity';
import { encodeFrame } from '../protocol/encodeFrame';
import type { FrameOf } from '../protocol/frame';
import { type HandoffMessage, type RefuseCode, tokenOf } from '../protocol/ipcMessage';
import { WireError } from '../protocol/WireError';
import { PROTOCOL_VERSION } from '../protocol/wireLimits';
import type { BackendConnectionInfo, ServeBackendOptions, ServedBackend } from './BackendOptions';
import { BrokerChannel, type BrokerMessageListener } from './BrokerChannel';
import { ClaimTable } from './ClaimTable';
import { type CheckedBackendOptions, checkBackendOptions } from './checkBackendOptions';
import { HandoffBackendError } from './HandoffBackendError';
import { type FirstFrame, readFirstFrame } from './readFirstFrame';

const READY = encodeFrame({ type: 'ready' });
const CLAIMED = encodeFrame({ type: 'claimed' });
const BUSY_RETRY_MS = 100;
const MAX_PROBERS = 16;

const ignore = (): void => {};

/**
 * Serves the connections that a broker brings to this process, handed over or reconnected, and tells the broker that it
 * is ready. Call it once in a process that `createBroker` started.
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
  readonly #options: CheckedBackendOptions;
  readonly #claims: ClaimTable;
  readonly #channel = new BrokerChannel(
    (...message) => this.#onMessage(...message),
    (limitation) => this.#report(new HandoffBackendError('slowTransport', limitation)),
  );
  readonly #server: Server;
  // Connections to the endpoint that aren't the application's: they may be closed at any time.
  readonly #visitors = new PeerConnections();
  readonly #probers = new Set<Socket>();
  // Tokens of the handles that are this process's, of which the broker hasn't been told yet.
  readonly #unsentAcks = new Set<string>();
  #unansweredHandoffs = 0;
  #unansweredSyncs: string[] = [];
  #closed: Promise<void> | undefined;

  constructor(options: ServeBackendOptions) {
    const checked = checkBackendOptions(options);
    const identity = checked.identity ?? parseBackendIdentity(process.env[BACKEND_IDENTITY_VARIABLE]);
    if (identity === undefined) {
      throw new HandoffBackendError(
        'noIdentity',
        `this process was not started by a broker (no valid ${BACKEND_IDENTITY_VARIABLE}), and no identity is given`,
      );
    }
    // What this process starts isn't the broker's.
    delete process.env[STATE_DIRECTORY_VARIABLE];
    this.#options = checked;
    this.endpoint = requireSocketPath('endpoint', resolve(checked.endpoint ?? identity.endpoint));
    this.identity = Object.freeze({ ...identity, endpoint: this.endpoint });
    this.#claims = new ClaimTable({
      ttlMs: checked.claimTtlMs,
      maxClaims: checked.maxClaims,
      now: monotonicNow,
    });
    this.#server = createServer({ allowHalfOpen: true }, (socket) =>
      this.#serve(socket, () => this.#onVisitor(socket)),
    );
  }

  async listen(): Promise<void> {
    this.#channel.listen();
    process.once('disconnect', this.#onDisconnect);
    try {
      // A broker that died in the meantime was not told of this process, and its successor may already have started another
      // one. An end of the channel that has come is seen in one turn of the loop.
      await new Promise(setImmediate);
      if (process.connected === false) throw new Error('the broker that started this process has ended');
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject);
        this.#server.listen({ path: this.endpoint, backlog: this.#options.backlog }, () => {
          this.#server.off('error', reject);
          resolve();
        });
        if (process.platform !== 'win32' && this.#server.listening) chmodSync(this.endpoint, 0o600);
      });
    } catch (cause) {
      this.#channel.stop();
      process.off('disconnect', this.#onDisconnect);
      if (this.#server.listening) this.#server.close();
      const message = `can't listen on ${this.endpoint}: ${(cause as Error).message}`;
      throw new HandoffBackendError('listenFailed', message, { cause });
    }
    this.#server.on('error', (error) => this.#report(error));
    this.#channel.tell({ handoffController: PROTOCOL_VERSION, type: 'listening' });
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      // The server's own callback waits for the application's connections, which may take for ever.
      this.#server.close();
      this.#visitors.destroyAll();
      for (const socket of this.#probers) socket.destroy();
      // Called for one connection, it must not cost those that have come with it their answers: without them the broker
      // would count each as a failure.
      setImmediate(() => {
        for (const token of this.#unsentAcks) this.#acknowledge(token);
        this.#channel.close();
        resolve();
      });
    });
    return this.#closed;
  }

  readonly #onDisconnect = (): void => {
    if (!this.#options.surviveBroker) void this.close();
  };

  #onMessage(...[received, socket]: Parameters<BrokerMessageListener>): void {
    if ('invalid' in received) {
      socket?.destroy();
      const token = tokenOf(received.invalid);
      if (token !== undefined) this.#refuse(token, 'integrity');
      return;
    }
    const { message } = received;
    switch (message.type) {
      case 'handoff':
        if (socket === undefined) this.#refuse(message.token, 'integrity');
        else this.#serve(socket, () => this.#onHandoff(message, socket));
        return;
      case 'sync':
        this.#unansweredSyncs.push(message.token);
        this.#answerSyncs();
        return;
      case 'stop':
        void this.close();
        return;
    }
  }

  /** Does what a connection's socket or timer asks for: whatever goes wrong with it ends this connection alone. */
  #serve(socket: Socket, work: () => void): void {
    try {
      work();
    } catch (error) {
      socket.destroy();
      this.#report(error);
    }
  }

  #onHandoff(message: HandoffMessage, socket: Socket): void {
    const { token } = message;
    // Before the loop turns: an end that comes while this is false would shut the connection down for good.
    socket.allowHalfOpen = true;
    const swallow = ignore;
    socket.on('error', swallow);
    const refuse = (code: RefuseCode): void => {
      socket.destroy();
      this.#refuse(token, code);
    };
    if (this.#closed !== undefined) {
      refuse('busy');
      return;
    }
    const info: BackendConnectionInfo = {
      route: 'handedOff',
      connectionId: message.id,
      earlyDataBytes: message.earlyData.byteLength,
      ...traceOf(message),
    };
    const refusal = this.#askApplication(info);
    if (refusal !== undefined) {
      refuse(refusal);
      return;
    }
    const claim = this.#claims.claim(message.id, message.stamp);
    if (claim !== 'granted') {
      refuse(claim);
      return;
    }
    this.#unansweredHandoffs += 1;
    this.#writeReady(socket, (error) => {
      if (error === undefined) {
        this.#unsentAcks.add(token);
        this.#give(socket, info, toBuffer(message.earlyData), swallow);
        // Behind what the application does with the early data: its client waits for that, and nobody for this.
        setImmediate(() => this.#acknowledge(token));
        return;
      }
      refuse('clientLeft');
      this.#onHandoffAnswered();
    });
  }

  #onVisitor(socket: Socket): void {
    socket.on('error', ignore);
    const leave = (): void => this.#visitors.delete(socket);
    socket.once('close', leave);
    if (this.#visitors.size >= this.#options.maxPendingAttaches) {
      // Neither has a claim: whoever sees its connection end without `ready` knows that nothing has run.
      const evicted = this.#visitors.evict();
      if (evicted === undefined || evicted.wasWaiting) turnAway(evicted?.socket ?? socket);
      else evicted.socket.destroy();
      if (evicted === undefined) return;
    }
    const stopWaiting = readFirstFrame(socket, this.#options.helloTimeoutMs, (first) =>
      this.#serve(socket, () => this.#onFirstFrame(socket, first, leave)),
    );
    this.#visitors.add(socket, stopWaiting);
  }

  #onFirstFrame(socket: Socket, first: FirstFrame, leave: () => void): void {
    this.#visitors.settle(socket);
    switch (first.type) {
      case 'ended':
        socket.destroy();
        return;
      case 'timeout':
        this.#rejectVisitor(socket, 'helloTimeout', 'no complete frame came in time');
        return;
      case 'invalid': {
        const error =
          first.error instanceof WireError ? first.error : new WireError('badFrame', 'not a frame');
        this.#rejectVisitor(socket, error.code, error.message);
        return;
      }
      case 'frame':
        if (first.frame.type === 'probe') {
          this.#answerProbe(socket);
        } else if (first.frame.type === 'attach') {
          this.#onAttach(socket, first.frame, first.rest, leave);
        } else {
          this.#rejectVisitor(socket, 'badFrame', `a backend takes no ${first.frame.type} frame`);
        }
        return;
    }
  }

  #onAttach(socket: Socket, attach: FrameOf<'attach'>, rest: Buffer, leave: () => void): void {
    if (attach.backend !== this.identity.backend) {
      this.#rejectVisitor(socket, 'wrongBackend', 'this is another process than the one asked for');
      return;
    }
    const claim = this.#claims.claim(attach.id, attach.stamp);
    switch (claim) {
      case 'claimed':
        this.#sendLast(socket, CLAIMED);
        return;
      case 'expired':
        this.#rejectVisitor(socket, 'expired', "the hello's stamp is too old");
        return;
      case 'busy':
        this.#rejectVisitor(socket, 'busy', 'too many connection ids are claimed', BUSY_RETRY_MS);
        return;
      case 'granted':
        break;
    }
    this.#writeReady(socket, (error) => {
      if (error !== undefined) {
        socket.destroy();
        return;
      }
      leave();
      socket.off('close', leave);
      const info: BackendConnectionInfo = {
        route: 'reconnected',
        connectionId: attach.id,
        earlyDataBytes: rest.length,
        ...traceOf(attach),
      };
      this.#give(socket, info, rest, ignore);
    });
  }

  #answerProbe(socket: Socket): void {
    const { backend, serviceName, serviceVersion } = this.identity;
    socket.write(encodeFrame({ type: 'identity', backend, serviceName, serviceVersion, pid: process.pid }));
    // It stays open for as long as the prober likes: its end is how the prober learns that this process is gone.
    releaseReading(socket);
    socket.once('end', () => socket.destroy());
    socket.resume();
    this.#visitors.delete(socket);
    this.#probers.add(socket);
    socket.once('close', () => this.#probers.delete(socket));
    const [oldest] = this.#probers;
    if (this.#probers.size > MAX_PROBERS) oldest?.destroy();
  }

  #rejectVisitor(socket: Socket, code: string, message: string, retryAfterMs?: number): void {
    this.#sendLast(socket, encodeError(code, message, retryAfterMs));
  }

  #sendLast(socket: Socket, bytes: Buffer): void {
    this.#visitors.end(socket);
    lingeringClose(socket, bytes);
  }

  #writeReady(socket: Socket, callback: (error?: Error) => void): void {
    let done = false;
    let timer: NodeJS.Timeout | undefined;
    writeThrough(socket, READY, (error) => {
      done = true;
      clearTimeout(timer);
      callback(error);
    });
    if (done) return;
    // Whatever is read before the application listens could be lost on it, an end for instance.
    holdReading(socket);
    timer = setTimeout(() => socket.destroy(), this.#options.helloTimeoutMs);
  }

  #give(socket: Socket, info: BackendConnectionInfo, earlyData: Buffer, listener: () => void): void {
    socket.off('error', listener);
    // A client that leaves in the middle must not end the process of an application that doesn't listen for it.
    socket.on('error', () => {});
    if (earlyData.length > 0) socket.unshift(earlyData);
    releaseReading(socket);
    const onFailed = (error: unknown): void => {
      socket.destroy();
      this.#report(error);
    };
    try {
      // Whatever it returns is its own, but nobody else waits for a promise.
      const returned: unknown = this.#options.onConnection(socket, info);
      onRejection(returned, onFailed);
    } catch (error) {
      onFailed(error);
    }
  }

  #askApplication(info: BackendConnectionInfo): 'permission' | 'integrity' | undefined {
    const { refuseHandoff } = this.#options;
    if (refuseHandoff === undefined) return undefined;
    try {
      return requireAnswer(
        'refuseHandoff',
        refuseHandoff(info),
        isRefusal,
        "'permission', 'integrity' or undefined",
      );
    } catch (error) {
      this.#report(error);
      return 'integrity';
    }
  }

  #acknowledge(token: string): void {
    if (!this.#unsentAcks.delete(token)) return;
    this.#channel.answer({ handoffController: PROTOCOL_VERSION, type: 'ack', token });
    this.#onHandoffAnswered();
  }

  #onHandoffAnswered(): void {
    this.#unansweredHandoffs -= 1;
    this.#answerSyncs();
  }

  #answerSyncs(): void {
    if (this.#unansweredHandoffs > 0) return;
    const tokens = this.#unansweredSyncs;
    this.#unansweredSyncs = [];
    for (const token of tokens)
      this.#channel.answer({ handoffController: PROTOCOL_VERSION, type: 'synced', token });
  }

  #refuse(token: string, code: RefuseCode): void {
    this.#channel.answer({ handoffController: PROTOCOL_VERSION, type: 'refuse', token, code });
  }

  #report(error: unknown): void {
    const { onError = printError } = this.#options;
    try {
      onRejection(onError(error), printError);
    } catch (cause) {
      printError(cause);
    }
  }
}

/** Nobody listens: Node writes it to standard error. */
function printError(error: unknown): void {
  const detail = error instanceof Error ? error.stack : undefined;
  process.emitWarning(messageOf(error), { type: 'HandoffBackendWarning', ...(detail && { detail }) });
}

function isRefusal(answer: unknown): answer is 'permission' | 'integrity' | undefined {
  return answer === undefined || answer === 'permission' || answer === 'integrity';
}

/** Closes at once: a connection over the bound must not keep a descriptor while it is waited for. */
function turnAway(socket: Socket): void {
  socket.write(encodeError('busy', 'too many connections wait to be attached', BUSY_RETRY_MS));
  socket.destroy();
}

function encodeError(code: string, message: string, retryAfterMs?: number): Buffer {
  return encodeFrame({
    type: 'error',
    code,
    message,
    retryable: ['busy', 'helloTimeout', 'wrongBackend', 'expired'].includes(code),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function traceOf({ traceparent }: { readonly traceparent?: string | undefined }) {
  return traceparent === undefined ? {} : { traceparent };
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
