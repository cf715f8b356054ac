import type { Server, Socket } from 'node:net';
import type { HandoffTransport } from './HandoffTransport';

/** The transport over Node's own IPC channel, SCM_RIGHTS underneath. Windows can't pass named pipes. */
export function createNodeIpcTransport(): HandoffTransport {
  return {
    supported: process.platform !== 'win32',
    send(child, message, socket, callback) {
      // With its server attached Node would keep a list of the sockets that each child has, and ask the child for it.
      (socket as Socket & { server?: Server | null }).server = null;
      child.send(message, socket, { keepOpen: true }, callback);
    },
  };
}
