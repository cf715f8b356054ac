import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { ChannelAnswer } from '../wire/channelRecord';
import type { HandoffMessage, SyncMessage } from '../wire/ipcMessage';

/** The way a connection's handle goes to a backend process. */
export interface HandoffTransport {
  /** Whether handles can be passed at all. False counts as a service policy that is off. */
  readonly supported: boolean;
  /**
   * Pipes that each backend process gets for the transport's own use, at its descriptors from 4 on.
   * @default 0
   */
  readonly pipes?: number;
  /**
   * A backend process takes connections: the transport may use its pipes. Answers that come on them are told, one that
   * makes no sense as `malformed`; those that come on Node's IPC channel are received in any case.
   */
  open?(child: ChildProcess, onAnswer: (answer: ChannelAnswer | 'malformed') => void): void;
  /**
   * Most handles that may be on their way to a process at a time, from 1.
   * @default 1, as Node's IPC channel takes them
   */
  capacity?(child: ChildProcess): number;
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
  /**
   * Sends a question that must not overtake a handle.
   * @default over Node's IPC channel
   */
  sync?(child: ChildProcess, message: SyncMessage): void;
}
