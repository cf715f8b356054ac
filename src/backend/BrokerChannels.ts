import type { Socket } from 'node:net';
import { isOwnUser } from '../net/isOwnUser';
import { scmRights, scmRightsProblem } from '../net/scmRights';
import type { BackendIdentity } from '../protocol/backendIdentity';
import { CHANNEL_VERSIONS, commonVersion } from '../protocol/channelVersions';
import { encodeFrame } from '../protocol/encodeFrame';
import type { BackendClientErrorCode } from '../protocol/errorCodes';
import type { FrameOf } from '../protocol/frame';
import type { WireError } from '../protocol/WireError';
import type { BrokerChannel, BrokerChannelOptions } from './BrokerChannel';
import { EndpointBrokerChannel } from './EndpointBrokerChannel';
import { HandoffBackendError } from './HandoffBackendError';
import { NodeIpcBrokerChannel } from './NodeIpcBrokerChannel';

const MAX_CHANNELS = 16;
const READY = encodeFrame({ type: 'ready' });

/** Why a channel isn't opened. */
export interface ChannelRefusal {
  readonly code: BackendClientErrorCode;
  readonly message: string;
}

/** Options of {@link BrokerChannels}. */
export interface BrokerChannelsOptions extends BrokerChannelOptions {
  readonly identity: BackendIdentity;
  /** The last broker that had a channel is gone. */
  readonly onAllClosed: () => void;
}

/** The channels between this process and brokers. Several may have one at a time. */
export class BrokerChannels {
  readonly #options: BrokerChannelsOptions;
  readonly #nodeIpc: NodeIpcBrokerChannel;
  // By their token.
  readonly #opened = new Map<string, EndpointBrokerChannel>();
  #hasToldProblem = false;
  #isClosed = false;

  constructor(options: BrokerChannelsOptions) {
    this.#options = options;
    this.#nodeIpc = new NodeIpcBrokerChannel(options);
  }

  /** Takes what comes over Node's IPC channel, if there is one. */
  listen(): void {
    this.#nodeIpc.listen();
    process.on('disconnect', this.#onDisconnect);
  }

  /** The opposite of `listen`. */
  stopListening(): void {
    this.#nodeIpc.stop();
    process.off('disconnect', this.#onDisconnect);
  }

  /** Opens a channel whose records go over this connection. Returns why not. */
  open(socket: Socket, request: FrameOf<'openChannel'>, rest: Buffer): ChannelRefusal | undefined {
    const { identity, application } = this.#options;
    if (request.backend !== identity.backend) {
      return { code: 'wrongBackend', message: 'this is another process than the one asked for' };
    }
    if (!isOwnUser(socket)) return FORBIDDEN;
    if (this.#opened.size >= MAX_CHANNELS || this.#isClosed || this.#opened.has(request.token)) {
      return { code: 'busy', message: 'too many channels are open, or none is wanted' };
    }
    let version: number;
    try {
      version = commonVersion(CHANNEL_VERSIONS, request);
    } catch (error) {
      const { code, message } = error as WireError;
      return { code, message };
    }
    const descriptors = scmRights() !== undefined;
    if (!descriptors) this.#tellProblem();
    if (rest.length > 0) socket.unshift(rest);
    socket.write(encodeFrame({ type: 'channelOpened', version, descriptors }));
    const channel = new EndpointBrokerChannel(this.#options, socket, () => application.openConnections);
    this.#opened.set(request.token, channel);
    socket.once('close', () => this.#onClosed(request.token));
    return undefined;
  }

  /** Takes a connection for the descriptors of a channel. Returns why not. */
  carryDescriptors(socket: Socket, { token }: FrameOf<'carryDescriptors'>): ChannelRefusal | undefined {
    const channel = this.#opened.get(token);
    const system = scmRights();
    if (channel === undefined || system === undefined) {
      return { code: 'badFrame', message: 'there is no such channel, or it takes no descriptors' };
    }
    if (!isOwnUser(socket)) return FORBIDDEN;
    channel.takeDescriptors(system, socket);
    socket.write(READY);
    return undefined;
  }

  /** The number of open connections has changed. */
  report(): void {
    for (const channel of this.#opened.values()) channel.report();
  }

  /** Takes no more handles. */
  stopTaking(): void {
    this.#isClosed = true;
    for (const channel of this.#all()) channel.stopTaking();
  }

  /** Sends what still waits for its turn, and leaves the broker that can't be told of connections that end. */
  flush(): void {
    for (const channel of this.#all()) channel.flush();
    this.#nodeIpc.close();
  }

  /** Leaves all brokers. */
  close(): void {
    for (const channel of this.#all()) channel.close();
  }

  #all(): BrokerChannel[] {
    return [this.#nodeIpc, ...this.#opened.values()];
  }

  #tellProblem(): void {
    if (this.#hasToldProblem) return;
    this.#hasToldProblem = true;
    const message = `connections can't be handed over to this process, which is slower: ${scmRightsProblem()}`;
    this.#options.application.report(new HandoffBackendError('slowTransport', message));
  }

  readonly #onDisconnect = (): void => this.#tellIfAllClosed();

  #onClosed(token: string): void {
    this.#opened.delete(token);
    this.#tellIfAllClosed();
  }

  #tellIfAllClosed(): void {
    if (this.#opened.size === 0 && process.connected !== true) this.#options.onAllClosed();
  }
}

const FORBIDDEN: ChannelRefusal = {
  code: 'forbidden',
  message: 'only a process of the same user may open a channel',
};
