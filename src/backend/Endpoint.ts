import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { releaseReading } from '../net/holdReading';
import { lingeringClose } from '../net/lingeringClose';
import { PeerConnections } from '../net/PeerConnections';
import type { BackendIdentity } from '../protocol/backendIdentity';
import { encodeFrame } from '../protocol/encodeFrame';
import { type BackendClientErrorCode, encodeError } from '../protocol/errorCodes';
import type { Frame, FrameOf } from '../protocol/frame';
import { WireError } from '../protocol/WireError';
import type { Application } from './Application';
import type { BackendConnectionInfo } from './BackendOptions';
import type { BrokerChannels, ChannelRefusal } from './BrokerChannels';
import type { ClaimTable } from './ClaimTable';
import { type FirstFrame, readFirstFrame } from './readFirstFrame';
import { writeReady } from './writeReady';

const CLAIMED = encodeFrame({ type: 'claimed' });
const BUSY_RETRY_MS = 100;
const MAX_PROBERS = 16;

const ignore = (): void => {};

/** What an {@link Endpoint} works with. */
export interface EndpointOptions {
  readonly identity: BackendIdentity;
  readonly claims: ClaimTable;
  readonly application: Application;
  readonly channels: BrokerChannels;
  readonly backlog: number;
  /** Milliseconds that a peer has to say what it wants, and a client to take its `ready`. */
  readonly helloTimeoutMs: number;
  /** Most connections that aren't attached yet. */
  readonly maxPendingAttaches: number;
}

/** The socket that a backend listens on: clients attach there, and brokers ask who it is and open channels. */
export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #server: Server;
  // Connections that aren't the application's: they may be closed at any time.
  readonly #pendingAttaches = new PeerConnections();
  readonly #probers = new Set<Socket>();

  constructor(options: EndpointOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true }, (socket) =>
      options.application.guard(socket, () => this.#onPeer(socket)),
    );
  }

  /** Resolves when it listens, for its owner only. Rejects with what the system says. */
  async listen(): Promise<void> {
    const { identity, backlog, application } = this.#options;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject);
        this.#server.listen({ path: identity.endpoint, backlog }, () => {
          this.#server.off('error', reject);
          resolve();
        });
        if (process.platform !== 'win32' && this.#server.listening) chmodSync(identity.endpoint, 0o600);
      });
    } catch (error) {
      if (this.#server.listening) this.#server.close();
      throw error;
    }
    this.#server.on('error', (error) => application.report(error));
  }

  /** Listens no more, and closes all that isn't the application's. */
  close(): void {
    // The server's own callback waits for the application's connections, which may take for ever.
    this.#server.close();
    this.#pendingAttaches.destroyAll();
    for (const socket of this.#probers) socket.destroy();
  }

  #onPeer(socket: Socket): void {
    const { application, helloTimeoutMs, maxPendingAttaches } = this.#options;
    socket.on('error', ignore);
    const leave = (): void => this.#pendingAttaches.delete(socket);
    socket.once('close', leave);
    if (this.#pendingAttaches.size >= maxPendingAttaches) {
      // Neither has a claim: whoever sees its connection end without `ready` knows that nothing has run.
      const evicted = this.#pendingAttaches.evict();
      if (evicted === undefined || evicted.wasWaiting) turnAway(evicted?.socket ?? socket);
      else evicted.socket.destroy();
      if (evicted === undefined) return;
    }
    const stopWaiting = readFirstFrame(socket, helloTimeoutMs, (first) =>
      application.guard(socket, () => this.#onFirstFrame(socket, first, leave)),
    );
    this.#pendingAttaches.add(socket, stopWaiting);
  }

  #onFirstFrame(socket: Socket, first: FirstFrame, leave: () => void): void {
    this.#pendingAttaches.settle(socket);
    switch (first.type) {
      case 'ended':
        socket.destroy();
        return;
      case 'timeout':
        this.#reject(socket, 'helloTimeout', 'no complete frame came in time');
        return;
      case 'invalid': {
        const error =
          first.error instanceof WireError ? first.error : new WireError('badFrame', 'not a frame');
        this.#reject(socket, error.code, error.message);
        return;
      }
      case 'frame':
        this.#onFrame(socket, first.frame, first.rest, leave);
        return;
    }
  }

  #onFrame(socket: Socket, frame: Frame, rest: Buffer, leave: () => void): void {
    const { channels } = this.#options;
    switch (frame.type) {
      case 'probe':
        this.#answerProbe(socket);
        return;
      case 'attach':
        this.#onAttach(socket, frame, rest, leave);
        return;
      case 'openChannel':
        this.#letGo(socket, channels.open(socket, frame, rest));
        return;
      case 'carryDescriptors':
        this.#letGo(socket, channels.carryDescriptors(socket, frame));
        return;
      default:
        this.#reject(socket, 'badFrame', `a backend takes no ${frame.type} frame`);
    }
  }

  /** It's the channel's, unless that was refused. */
  #letGo(socket: Socket, refusal: ChannelRefusal | undefined): void {
    if (refusal === undefined) this.#pendingAttaches.delete(socket);
    else this.#reject(socket, refusal.code, refusal.message);
  }

  #onAttach(socket: Socket, attach: FrameOf<'attach'>, rest: Buffer, leave: () => void): void {
    const { identity, claims, application, helloTimeoutMs } = this.#options;
    if (attach.backend !== identity.backend) {
      this.#reject(socket, 'wrongBackend', 'this is another process than the one asked for');
      return;
    }
    const claim = claims.claim(attach.id, attach.stamp);
    switch (claim) {
      case 'claimed':
        this.#sendLast(socket, CLAIMED);
        return;
      case 'expired':
        this.#reject(socket, 'expired', "the hello's stamp is too old");
        return;
      case 'busy':
        this.#reject(socket, 'busy', 'too many connection ids are claimed', BUSY_RETRY_MS);
        return;
      case 'granted':
        break;
    }
    writeReady(socket, helloTimeoutMs, (error) => {
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
        ...(attach.traceparent !== undefined && { traceparent: attach.traceparent }),
      };
      socket.off('error', ignore);
      application.give(socket, info, rest);
    });
  }

  #answerProbe(socket: Socket): void {
    const { backend, serviceName, serviceVersion } = this.#options.identity;
    socket.write(encodeFrame({ type: 'identity', backend, serviceName, serviceVersion, pid: process.pid }));
    // It stays open for as long as the prober likes: its end is how the prober learns that this process is gone.
    releaseReading(socket);
    socket.once('end', () => socket.destroy());
    socket.resume();
    this.#pendingAttaches.delete(socket);
    this.#probers.add(socket);
    socket.once('close', () => this.#probers.delete(socket));
    const [oldest] = this.#probers;
    if (this.#probers.size > MAX_PROBERS) oldest?.destroy();
  }

  #reject(socket: Socket, code: BackendClientErrorCode, message: string, retryAfterMs?: number): void {
    this.#sendLast(socket, encodeError(code, message, retryAfterMs));
  }

  #sendLast(socket: Socket, bytes: Buffer): void {
    this.#pendingAttaches.end(socket);
    lingeringClose(socket, bytes);
  }
}

/** Closes at once: a connection over the bound must not keep a descriptor while it is waited for. */
function turnAway(socket: Socket): void {
  socket.write(encodeError('busy', 'too many connections wait to be attached', BUSY_RETRY_MS));
  socket.destroy();
}
