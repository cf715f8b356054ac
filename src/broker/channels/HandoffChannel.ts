import type { Socket } from 'node:net';
import type { ChannelAnswer } from '../../protocol/channelRecord';
import type { HandoffMessage, SyncMessage } from '../../protocol/ipcMessage';

/**
 * The way for handles to one backend process. Its answers go to the listener that it was opened with, or come over Node's
 * IPC channel, on which they are received in any case.
 */
export interface HandoffChannel {
  /** Most handles that may be on their way at a time now, from 1. */
  readonly capacity: number;
  /**
   * Whether answers may still come to the listener. If it's true when Node's IPC channel ends, the listener's `onClosed` is
   * waited for, half a second at most.
   * @default false
   */
  readonly isOpen?: boolean;
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
}

/** What a channel tells whoever opened it. */
export interface HandoffChannelListener {
  /** An answer came on it; one that makes no sense is told as `malformed`. */
  onAnswer(answer: ChannelAnswer | 'malformed'): void;
  /** All that was said on it is read, and nothing more will be. */
  onClosed(): void;
}
