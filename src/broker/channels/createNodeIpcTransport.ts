import type { ChildProcess } from 'node:child_process';
import type { Server, Socket } from 'node:net';
import type { HandoffMessage, SyncMessage } from '../../protocol/ipcMessage';
import type { HandoffChannel } from './HandoffChannel';
import type { HandoffTransport } from './HandoffTransport';

/** The transport over Node's own IPC channel, SCM_RIGHTS underneath. Windows can't pass named pipes. */
export function createNodeIpcTransport(): HandoffTransport {
  return { supported: process.platform !== 'win32', open: (child) => new NodeIpcChannel(child) };
}

/** Handles over Node's own IPC channel, and so are the answers. */
export class NodeIpcChannel implements HandoffChannel {
  readonly capacity = 1;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
  }

  send(message: HandoffMessage, socket: Socket, callback: (error: Error | null) => void): void {
    // With its server attached Node would keep a list of the sockets that each child has, and ask the child for it.
    (socket as Socket & { server?: Server | null }).server = null;
    this.#child.send(message, socket, { keepOpen: true }, callback);
  }

  sync(message: SyncMessage): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }
}
