import { closeSync, fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import { BatchedWriter } from '../net/BatchedWriter';
import { type ScmRights, scmRights, scmRightsLimitation } from '../net/scmRights';
import {
  type ChannelAnswer,
  type ChannelRequest,
  encodeAnswer,
  RequestReader,
} from '../protocol/channelRecord';
import {
  type BackendMessage,
  type BrokerMessage,
  type ReceivedMessage,
  receiveBrokerMessage,
} from '../protocol/ipcMessage';

/** Who gets a message, and the handle that came with it. */
export type BrokerMessageListener = (
  received: Exclude<ReceivedMessage<BrokerMessage>, 'foreign'>,
  socket: Socket | undefined,
) => void;

type ChannelPipes = Extract<BrokerMessage, { type: 'openChannel' }>;

const ignore = (): void => {};

/** The way between a backend and its broker: Node's IPC channel, and once the broker opens it, one for handles. */
export class BrokerChannel {
  readonly #listener: BrokerMessageListener;
  readonly #onLimitation: (limitation: string) => void;
  #handles: HandleChannel | undefined;

  /** @param onLimitation told if the broker can pass handles the fast way, and this process can't take them so. */
  constructor(listener: BrokerMessageListener, onLimitation: (limitation: string) => void) {
    this.#listener = listener;
    this.#onLimitation = onLimitation;
  }

  listen(): void {
    process.on('message', this.#onMessage);
  }

  /** A message has come. */
  receive(...[received, socket]: Parameters<BrokerMessageListener>): void {
    this.#listener(received, socket);
  }

  /** Answers for a handle. A broker that is gone needs no answer. */
  answer(message: ChannelAnswer): void {
    if (this.#handles?.isOpen === true) this.#handles.answer(message);
    else this.tell(message);
  }

  /** Sends a message over Node's channel. */
  tell(message: BackendMessage): void {
    if (process.connected) process.send?.(message, undefined, undefined, ignore);
  }

  /** Listens no more. */
  stop(): void {
    process.off('message', this.#onMessage);
  }

  /** Takes nothing more from the broker. */
  close(): void {
    this.#handles?.close();
    if (process.connected) process.disconnect();
  }

  readonly #onMessage = (value: unknown, handle: unknown): void => {
    const received = receiveBrokerMessage(value);
    if (received === 'foreign') return;
    if ('message' in received && received.message.type === 'openChannel') {
      if (scmRights() === undefined) this.#onLimitation(scmRightsLimitation());
      this.#handles ??= openHandleChannel(received.message, this);
      return;
    }
    this.receive(received, isSocket(handle) ? handle : undefined);
  };
}

/** Undefined where there is none to be had: then the broker gets no answer, and handles take Node's channel. */
function openHandleChannel(pipes: ChannelPipes, owner: BrokerChannel): HandleChannel | undefined {
  const system = scmRights();
  // An application may have closed what it didn't know, and have opened something else there.
  if (system === undefined || !isOpenSocket(pipes.records) || !isOpenSocket(pipes.descriptors))
    return undefined;
  try {
    return new HandleChannel(system, pipes, owner);
  } catch {
    return undefined;
  }
}

function isOpenSocket(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isSocket();
  } catch {
    return false;
  }
}

/** The backend's end of the channel for handles. */
class HandleChannel {
  readonly #system: ScmRights;
  readonly #records: Socket;
  readonly #writer: BatchedWriter;
  readonly #descriptors: number;
  readonly #reader = new RequestReader();
  readonly #owner: BrokerChannel;

  constructor(system: ScmRights, { records, descriptors }: ChannelPipes, owner: BrokerChannel) {
    this.#system = system;
    this.#descriptors = descriptors;
    this.#owner = owner;
    this.#records = new Socket({ fd: records, readable: true, writable: true });
    this.#writer = new BatchedWriter(this.#records);
    // The application's connections keep the process alive, not this.
    this.#records.unref();
    this.#records.on('error', ignore);
    // What is still on its way is nobody's any more: the clients see the end of their connections.
    this.#records.once('close', () => {
      if (isOpenSocket(descriptors)) closeSync(descriptors);
    });
    this.#records.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#records.write(encodeAnswer());
  }

  get isOpen(): boolean {
    return this.#records.writable;
  }

  answer(message: ChannelAnswer): void {
    this.#writer.write(encodeAnswer(message));
  }

  close(): void {
    this.#writer.flush();
    this.#records.destroy();
  }

  #onData(chunk: Buffer): void {
    this.#reader.push(chunk);
    for (;;) {
      const message = this.#next();
      if (message === undefined) return;
      this.#owner.receive({ message }, message.type === 'handoff' ? this.#takeHandle() : undefined);
    }
  }

  #next(): ChannelRequest | undefined {
    try {
      return this.#reader.next();
    } catch {
      // The end of this channel: what is in flight runs into its deadline, and later handles take Node's.
      this.close();
      return undefined;
    }
  }

  #takeHandle(): Socket | undefined {
    const descriptor = this.#system.receive(this.#descriptors);
    if (typeof descriptor !== 'number') return undefined;
    try {
      return new Socket({ fd: descriptor, readable: true, writable: true, allowHalfOpen: true });
    } catch {
      closeSync(descriptor);
      return undefined;
    }
  }
}

function isSocket(handle: unknown): handle is Socket {
  return typeof handle === 'object' && handle !== null && 'destroy' in handle && 'unshift' in handle;
}
