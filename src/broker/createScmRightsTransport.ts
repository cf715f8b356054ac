import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { BatchedWriter } from '../wire/BatchedWriter';
import { AnswerReader, type ChannelAnswer, encodeRequest } from '../wire/channelRecord';
import { descriptorOf } from '../wire/descriptorOf';
import type { HandoffMessage, SyncMessage } from '../wire/ipcMessage';
import { type ScmRights, scmRights } from '../wire/scmRights';
import { PROTOCOL_VERSION } from '../wire/wireLimits';
import { createNodeIpcTransport } from './createNodeIpcTransport';
import { syncOverNodeIpc } from './guardTransport';
import type { HandoffTransport } from './HandoffTransport';

// Each waits in the kernel as one byte with its descriptor, of which a socket's buffer holds over two hundred.
const CAPACITY = 128;
const PIPES = { records: 4, descriptors: 5 } as const;

/**
 * The transport over a channel of its own: handles by `sendmsg`, as many as are ready, and what is to be said of them as
 * bytes. Node's own channel takes one handle at a time, waits for its acknowledgement, and says all in objects. Needs
 * Linux and the optional dependency koffi, here and in the backend; without it, it's Node's transport.
 */
export function createScmRightsTransport(): HandoffTransport {
  const nodeIpc = createNodeIpcTransport();
  const system = scmRights();
  if (system === undefined) return nodeIpc;
  const channels = new WeakMap<ChildProcess, Channel>();
  const channelTo = (child: ChildProcess): Channel | undefined => {
    const channel = channels.get(child);
    return channel?.isOpen === true ? channel : undefined;
  };
  return {
    supported: nodeIpc.supported,
    pipes: 2,
    open(child, onAnswer) {
      // The type has only the five that every child may have.
      const stdio: readonly unknown[] = child.stdio;
      const [records, descriptors] = [stdio[PIPES.records], stdio[PIPES.descriptors]];
      if (!(records instanceof Socket) || !(descriptors instanceof Socket)) return;
      channels.set(child, new Channel(system, child, records, descriptors, onAnswer));
      const message = { handoffController: PROTOCOL_VERSION, type: 'openChannel', ...PIPES } as const;
      child.send(message, () => {});
    },
    capacity: (child) => (channelTo(child) === undefined ? 1 : CAPACITY),
    send(child, message, socket, callback) {
      const channel = channelTo(child);
      const descriptor = descriptorOf(socket);
      if (channel === undefined || descriptor === undefined) nodeIpc.send(child, message, socket, callback);
      else channel.send(message, descriptor, callback);
    },
    sync(child, message) {
      const channel = channelTo(child);
      if (channel === undefined) syncOverNodeIpc(child, message);
      else channel.sync(message);
    },
  };
}

/** The broker's end of a channel. */
class Channel {
  readonly #system: ScmRights;
  readonly #records: Socket;
  readonly #writer: BatchedWriter;
  readonly #descriptors: Socket;
  readonly #reader = new AnswerReader();
  readonly #onAnswer: (answer: ChannelAnswer | 'malformed') => void;
  // Questions about handles that nothing was answered for, by their token.
  readonly #syncs = new Map<string, SyncMessage>();
  #isOpened = false;

  constructor(
    system: ScmRights,
    child: ChildProcess,
    records: Socket,
    descriptors: Socket,
    onAnswer: (answer: ChannelAnswer | 'malformed') => void,
  ) {
    this.#system = system;
    this.#records = records;
    this.#writer = new BatchedWriter(records);
    this.#descriptors = descriptors;
    this.#onAnswer = onAnswer;
    // Their ends are the backend's, which the IPC channel tells too.
    for (const socket of [records, descriptors]) socket.on('error', () => {});
    descriptors.resume();
    records.on('data', (chunk: Buffer) => this.#onData(chunk));
    // The handles that they were about have ended with the channel, as an answer over Node's says. Without one their turns
    // would last for ever.
    records.once('close', () => {
      for (const message of this.#syncs.values()) syncOverNodeIpc(child, message);
    });
  }

  /** Whether the backend listens at the other end. */
  get isOpen(): boolean {
    return this.#isOpened && this.#records.writable && this.#descriptors.writable;
  }

  send(message: HandoffMessage, descriptor: number, callback: (error: Error | null) => void): void {
    const socket = descriptorOf(this.#descriptors);
    const record = encodeRequest(message);
    try {
      if (socket === undefined) throw new Error('the channel is closed');
      this.#system.send(socket, descriptor);
    } catch (error) {
      callback(error as Error);
      return;
    }
    // Behind its descriptor, so that the backend finds one for each record.
    this.#writer.write(...record);
    callback(null);
  }

  sync(message: SyncMessage): void {
    this.#syncs.set(message.token, message);
    this.#writer.write(...encodeRequest(message));
  }

  #onData(chunk: Buffer): void {
    this.#reader.push(chunk);
    for (;;) {
      const answer = this.#reader.next();
      if (answer === undefined) return;
      if (answer === 'opened') {
        this.#isOpened = true;
        continue;
      }
      if (answer !== 'malformed') this.#syncs.delete(answer.token);
      this.#onAnswer(answer);
    }
  }
}
