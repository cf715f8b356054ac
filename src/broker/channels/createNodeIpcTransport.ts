import type { ChildProcess } from 'node:child_process';
import type { Server, Socket } from 'node:net';
import {
  type DrainMessage,
  type HandoffMessage,
  receiveBackendMessage,
  type SyncMessage,
} from '../../protocol/ipcMessage';
import { EndpointChannel } from './EndpointChannel';
import type { HandoffChannel, HandoffChannelListener } from './HandoffChannel';
import type { HandoffTransport } from './HandoffTransport';

/**
 * The transport over Node's own IPC channel, SCM_RIGHTS underneath: one handle at a time, to processes that the broker
 * started. Windows can't pass named pipes.
 */
export function createNodeIpcTransport(): HandoffTransport {
  return {
    supported: process.platform !== 'win32',
    nodeIpc: true,
    open: ({ identity, child }, listener) =>
      child?.connected
        ? new NodeIpcChannel(child, listener)
        : EndpointChannel.open(undefined, identity, listener),
  };
}

/** Handles over Node's own IPC channel, and so are the answers. */
class NodeIpcChannel implements HandoffChannel {
  readonly #child: ChildProcess;
  readonly #listener: HandoffChannelListener;

  constructor(child: ChildProcess, listener: HandoffChannelListener) {
    this.#child = child;
    this.#listener = listener;
    child.on('message', this.#onMessage);
    child.once('disconnect', this.#onDisconnect);
  }

  get capacity(): number {
    return this.#child.connected ? 1 : 0;
  }

  send(message: HandoffMessage, socket: Socket, callback: (error: Error | null) => void): void {
    // With its server attached Node would keep a list of the sockets that each child has, and ask the child for it.
    (socket as Socket & { server?: Server | null }).server = null;
    this.#child.send(message, socket, { keepOpen: true }, callback);
  }

  sync(message: SyncMessage): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  drain(message: DrainMessage): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  close(): void {
    this.#child.off('message', this.#onMessage);
    this.#child.off('disconnect', this.#onDisconnect);
    if (this.#child.connected) this.#child.disconnect();
  }

  readonly #onMessage = (value: unknown): void => {
    const received = receiveBackendMessage(value);
    if (received === 'foreign') return;
    this.#listener.onAnswer('invalid' in received ? 'malformed' : received.message);
  };

  readonly #onDisconnect = (): void => {
    this.close();
    this.#listener.onClosed();
  };
}
