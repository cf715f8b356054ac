import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { ChannelAnswer } from '../../protocol/channelRecord';
import { type HandoffMessage, receiveBackendMessage, type SyncMessage } from '../../protocol/ipcMessage';
import { NodeIpcChannel } from './createNodeIpcTransport';
import type { HandoffChannel } from './HandoffChannel';
import type { HandoffTransport } from './HandoffTransport';

// What the process said before is in the channel, and read at once unless this process is very busy.
const DRAIN_MS = 500;

/** What a {@link ProcessChannel} tells its owner. */
export interface ProcessChannelListener {
  /** The process's endpoint accepts connections, and the transport's channel is open. Told once at most. */
  onListening(): void;
  /** An answer came, whichever way; one that makes no sense is told as `malformed`. */
  onAnswer(answer: ChannelAnswer | 'malformed'): void;
  /** Nothing can be passed to the process any more. */
  onCut(): void;
  /** All that it said is read, or was waited for long enough. Told once, after `onCut`. */
  onClosed(): void;
}

/**
 * All that goes between this process and one backend process: Node's IPC channel, and the one for handles that the transport
 * opens when the process listens.
 */
export class ProcessChannel implements HandoffChannel {
  readonly #child: ChildProcess;
  readonly #transport: HandoffTransport;
  readonly #listener: ProcessChannelListener;
  #handles: HandoffChannel;
  #isListening = false;
  #areHandlesRead = false;
  #isCut = false;
  #isOpen = true;
  #drainTimer: NodeJS.Timeout | undefined;

  constructor(child: ChildProcess, transport: HandoffTransport, listener: ProcessChannelListener) {
    this.#child = child;
    this.#transport = transport;
    this.#listener = listener;
    this.#handles = new NodeIpcChannel(child);
    child.on('message', this.#onMessage);
    child.once('disconnect', this.#onDisconnect);
  }

  get capacity(): number {
    return this.#handles.capacity;
  }

  /** Whether something that the process said may still be unread. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  send(message: HandoffMessage, socket: Socket, callback: (error: Error | null) => void): void {
    this.#handles.send(message, socket, callback);
  }

  sync(message: SyncMessage): void {
    this.#handles.sync(message);
  }

  /** Listens no more, and tells nothing more. */
  close(): void {
    this.#isOpen = false;
    clearTimeout(this.#drainTimer);
    this.#child.off('message', this.#onMessage);
    this.#child.off('disconnect', this.#onDisconnect);
  }

  readonly #onMessage = (value: unknown): void => {
    const received = receiveBackendMessage(value);
    if (received === 'foreign') return;
    if ('invalid' in received) this.#listener.onAnswer('malformed');
    else if (received.message.type === 'listening') this.#onListening();
    else this.#listener.onAnswer(received.message);
  };

  #onListening(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    this.#handles = this.#transport.open(this.#child, {
      onAnswer: (answer) => {
        if (this.#isOpen) this.#listener.onAnswer(answer);
      },
      onClosed: () => {
        this.#areHandlesRead = true;
        if (this.#isCut) this.#end();
      },
    });
    this.#listener.onListening();
  }

  readonly #onDisconnect = (): void => {
    this.#isCut = true;
    this.#listener.onCut();
    // Two descriptors: this one's end says nothing of what is unread on the other.
    if (this.#areHandlesRead || this.#handles.isOpen !== true) this.#end();
    else this.#drainTimer = setTimeout(() => this.#end(), DRAIN_MS);
  };

  #end(): void {
    if (!this.#isOpen) return;
    this.close();
    this.#listener.onClosed();
  }
}
