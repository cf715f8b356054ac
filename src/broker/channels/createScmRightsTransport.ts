import type { ChildProcess } from 'node:child_process';
import { readSync } from 'node:fs';
import { Socket } from 'node:net';
import { BatchedWriter } from '../../net/BatchedWriter';
import { descriptorOf } from '../../net/descriptorOf';
import { type ScmRights, scmRights, scmRightsLimitation } from '../../net/scmRights';
import { AnswerReader, encodeRequest } from '../../protocol/channelRecord';
import type { HandoffMessage, SyncMessage } from '../../protocol/ipcMessage';
import { PROTOCOL_VERSION } from '../../protocol/wireLimits';
import { createNodeIpcTransport, NodeIpcChannel } from './createNodeIpcTransport';
import type { HandoffChannel, HandoffChannelListener } from './HandoffChannel';
import type { HandoffTransport } from './HandoffTransport';

// Each waits in the kernel as one byte with its descriptor, of which a socket's buffer holds over two hundred.
const CAPACITY = 128;
const PIPES = { records: 4, descriptors: 5 } as const;
const READ_BYTES = 64 * 1024;

/**
 * The transport over a channel of its own: handles by `sendmsg`, as many as are ready, and what is to be said of them as
 * bytes. Node's own channel takes one handle at a time, waits for its acknowledgement, and says all in objects. Needs
 * Linux and the optional dependency koffi, here and in the backend; without it, it's Node's transport.
 */
export function createScmRightsTransport(): HandoffTransport {
  const nodeIpc = createNodeIpcTransport();
  const system = scmRights();
  if (system === undefined) return { ...nodeIpc, limitation: scmRightsLimitation() };
  return {
    supported: nodeIpc.supported,
    pipes: 2,
    open(child, listener) {
      // The type has only the five that every child may have.
      const stdio: readonly unknown[] = child.stdio;
      const [records, descriptors] = [stdio[PIPES.records], stdio[PIPES.descriptors]];
      if (!(records instanceof Socket) || !(descriptors instanceof Socket))
        return nodeIpc.open(child, listener);
      return new ScmRightsChannel(system, child, records, descriptors, listener);
    },
  };
}

/** The broker's end of a channel. Until the backend listens at the other one, and when that is gone, Node's is used. */
class ScmRightsChannel implements HandoffChannel {
  readonly #system: ScmRights;
  readonly #records: Socket;
  readonly #writer: BatchedWriter;
  readonly #descriptors: Socket;
  readonly #nodeIpc: NodeIpcChannel;
  readonly #reader = new AnswerReader();
  readonly #listener: HandoffChannelListener;
  // Questions about handles that nothing was answered for, by their token.
  readonly #syncs = new Map<string, SyncMessage>();
  #isListenedTo = false;
  #isOpen = true;

  constructor(
    system: ScmRights,
    child: ChildProcess,
    records: Socket,
    descriptors: Socket,
    listener: HandoffChannelListener,
  ) {
    this.#system = system;
    this.#records = records;
    this.#writer = new BatchedWriter(records, () => this.#readRest());
    this.#descriptors = descriptors;
    this.#nodeIpc = new NodeIpcChannel(child);
    this.#listener = listener;
    for (const socket of [records, descriptors]) socket.on('error', () => {});
    descriptors.resume();
    records.on('data', (chunk: Buffer) => this.#onData(chunk));
    records.once('close', () => this.#onClosed());
    child.send({ handoffController: PROTOCOL_VERSION, type: 'openChannel', ...PIPES }, () => {});
  }

  get capacity(): number {
    return this.#isUsable ? CAPACITY : this.#nodeIpc.capacity;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get #isUsable(): boolean {
    return this.#isListenedTo && this.#records.writable && this.#descriptors.writable;
  }

  send(message: HandoffMessage, socket: Socket, callback: (error: Error | null) => void): void {
    const descriptor = descriptorOf(socket);
    if (!this.#isUsable || descriptor === undefined) {
      this.#nodeIpc.send(message, socket, callback);
      return;
    }
    const record = encodeRequest(message);
    try {
      const channel = descriptorOf(this.#descriptors);
      if (channel === undefined) throw new Error('the channel is closed');
      this.#system.send(channel, descriptor);
    } catch (error) {
      callback(error as Error);
      return;
    }
    // Behind its descriptor, so that the backend finds one for each record.
    this.#writer.write(...record);
    callback(null);
  }

  sync(message: SyncMessage): void {
    if (!this.#isUsable) {
      this.#nodeIpc.sync(message);
      return;
    }
    this.#syncs.set(message.token, message);
    this.#writer.write(...encodeRequest(message));
  }

  #onData(chunk: Buffer): void {
    this.#reader.push(chunk);
    for (;;) {
      const answer = this.#reader.next();
      if (answer === undefined) return;
      if (answer === 'opened') {
        this.#isListenedTo = true;
        continue;
      }
      if (answer !== 'malformed') this.#syncs.delete(answer.token);
      this.#listener.onAnswer(answer);
    }
  }

  /** Node closes a socket that can't be written to any more, and what came on it before would be lost. */
  #readRest(): void {
    const descriptor = descriptorOf(this.#records);
    if (descriptor === undefined) return;
    for (;;) {
      const chunk = Buffer.allocUnsafe(READ_BYTES);
      let size: number;
      try {
        size = readSync(descriptor, chunk);
      } catch {
        return;
      }
      if (size === 0) return;
      this.#onData(chunk.subarray(0, size));
    }
  }

  #onClosed(): void {
    this.#isOpen = false;
    // The handles that they were about have ended with the channel, as an answer over Node's says. Without one their turns
    // would last for ever.
    for (const message of this.#syncs.values()) this.#nodeIpc.sync(message);
    this.#syncs.clear();
    this.#listener.onClosed();
  }
}
