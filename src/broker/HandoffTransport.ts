import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { HandoffMessage } from '../wire/ipcMessage';

/** The way a connection's handle goes to a backend process. */
export interface HandoffTransport {
  /** Whether handles can be passed at all. False counts as a service policy that is off. */
  readonly supported: boolean;
  /**
   * Sends the message and the socket's handle. The socket stays open in this process; it's destroyed no earlier than the
   * callback. Calls back once, with null when the handle is in the channel, or with the error. An error with code `EACCES`
   * or `EPERM` says that the handle was never sent.
   *
   * The message holds the transfer's token: keep it out of logs.
   */
  send(
    child: ChildProcess,
    message: HandoffMessage,
    socket: Socket,
    callback: (error: Error | null) => void,
  ): void;
}
