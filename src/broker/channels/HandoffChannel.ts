import type { Socket } from 'node:net';
import type { ChannelAnswer } from '../../protocol/channelRecord';
import type { DrainMessage, HandoffMessage, SyncMessage } from '../../protocol/ipcMessage';

/** The way to one backend process. What comes back goes to the listener that it was opened with. */
export interface HandoffChannel {
  /** Most handles that may be on their way at a time now. 0: none can be passed. */
  readonly capacity: number;
  /**
   * Sends the message and the socket's handle. The socket stays open in this process; it's destroyed no earlier than the
   * callback. Calls back once, with null when the handle is in the channel, or with the error. An error with code `EACCES`
   * or `EPERM` says that the handle was never sent.
   *
   * The message holds the transfer's token: keep it out of logs.
   */
  send(message: HandoffMessage, socket: Socket, callback: (error: Error | null) => void): void;
  /** Sends a question that must not overtake a handle. */
  sync(message: SyncMessage): void;
  /** Asks the process to take no new connections, and to end when those that are open have. Must not overtake a handle. */
  drain(message: DrainMessage): void;
  /** Closes it. Nothing is told any more. */
  close(): void;
}

/** What a channel tells whoever opened it. */
export interface HandoffChannelListener {
  /** An answer came on it; one that makes no sense is told as `malformed`. */
  onAnswer(answer: ChannelAnswer | 'malformed'): void;
  /** How many connections the process has open, as it says itself. */
  onReport(openConnections: number): void;
  /** All that was said on it is read, and nothing more will be. Told once. */
  onClosed(): void;
}
