import { readSync } from 'node:fs';
import type { Socket } from 'node:net';
import { BatchedWriter } from '../../net/BatchedWriter';
import { descriptorOf } from '../../net/descriptorOf';
import { isOwnUser } from '../../net/isOwnUser';
import { randomId } from '../../net/randomId';
import type { ScmRights } from '../../net/scmRights';
import { askEndpoint } from '../../protocol/askEndpoint';
import type { BackendIdentity } from '../../protocol/backendIdentity';
import { AnswerReader, encodeRequest } from '../../protocol/channelRecord';
import { CHANNEL_VERSIONS, commonVersion } from '../../protocol/channelVersions';
import type { DrainMessage, HandoffMessage, SyncMessage } from '../../protocol/ipcMessage';
import type { HandoffChannel, HandoffChannelListener } from './HandoffChannel';

// Each waits in the kernel as one byte with its descriptor, of which a socket's buffer holds over two hundred.
const CAPACITY = 128;
const READ_BYTES = 64 * 1024;
const ANSWER_TIMEOUT_MS = 2000;

interface DescriptorPipe {
  readonly system: ScmRights;
  readonly socket: Socket;
}

/** The broker's end of a channel that it opened at a process's endpoint: one connection for records, one for descriptors. */
export class EndpointChannel implements HandoffChannel {
  readonly #records: Socket;
  readonly #writer: BatchedWriter;
  readonly #reader = new AnswerReader();
  readonly #listener: HandoffChannelListener;
  // Undefined if one of the two can't pass descriptors.
  #pipe: DescriptorPipe | undefined;
  #isOpen = true;

  private constructor(records: Socket, listener: HandoffChannelListener) {
    this.#records = records;
    this.#writer = new BatchedWriter(records, () => this.#readRest());
    this.#listener = listener;
  }

  /**
   * @param system undefined: no handles are passed.
   * @throws {Error} if the process doesn't open it (the promise rejects).
   */
  static async open(
    system: ScmRights | undefined,
    { backend, endpoint }: BackendIdentity,
    listener: HandoffChannelListener,
  ): Promise<EndpointChannel> {
    const token = randomId();
    const question = { type: 'openChannel', backend, token, ...CHANNEL_VERSIONS } as const;
    const { frame, rest, socket } = await askEndpoint(endpoint, question, 'channelOpened', ANSWER_TIMEOUT_MS);
    const channel = new EndpointChannel(socket, listener);
    try {
      requireOwnUser(socket, endpoint);
      commonVersion(CHANNEL_VERSIONS, { lowest: frame.version, highest: frame.version });
      if (system !== undefined && frame.descriptors) await channel.#carryDescriptors(system, endpoint, token);
      channel.#listen(rest);
      return channel;
    } catch (error) {
      channel.close();
      throw error;
    }
  }

  get capacity(): number {
    return this.#records.writable && this.#pipe?.socket.writable === true ? CAPACITY : 0;
  }

  send(message: HandoffMessage, socket: Socket, callback: (error: Error | null) => void): void {
    const record = encodeRequest(message);
    try {
      const descriptor = descriptorOf(socket);
      const carrier = this.#pipe && descriptorOf(this.#pipe.socket);
      if (this.#pipe === undefined || carrier === undefined) throw new Error('the channel is closed');
      if (descriptor === undefined) throw new Error('the connection is closed');
      this.#pipe.system.send(carrier, descriptor);
    } catch (error) {
      callback(error as Error);
      return;
    }
    // Behind its descriptor, so that the process finds one for each record.
    this.#writer.write(...record);
    callback(null);
  }

  sync(message: SyncMessage): void {
    this.#writer.write(...encodeRequest(message));
  }

  drain(message: DrainMessage): void {
    this.#writer.write(...encodeRequest(message));
  }

  close(): void {
    this.#isOpen = false;
    this.#writer.flush();
    this.#records.destroy();
    this.#pipe?.socket.destroy();
  }

  async #carryDescriptors(system: ScmRights, endpoint: string, token: string): Promise<void> {
    const question = { type: 'carryDescriptors', token } as const;
    const { socket } = await askEndpoint(endpoint, question, 'ready', ANSWER_TIMEOUT_MS);
    this.#pipe = { system, socket };
    requireOwnUser(socket, endpoint);
    // Nothing comes on it but its end, which is the channel's.
    socket.once('close', () => this.#records.destroy());
    socket.resume();
  }

  #listen(rest: Buffer): void {
    this.#records.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#records.once('close', () => this.#onClosed());
    if (rest.length > 0) this.#onData(rest);
    if (this.#records.destroyed) throw new Error('the process closed the channel at once');
    this.#records.resume();
  }

  #onData(chunk: Buffer): void {
    this.#reader.push(chunk);
    for (let answer = this.#reader.next(); answer !== undefined; answer = this.#reader.next()) {
      if (answer !== 'report' && this.#isOpen) this.#listener.onAnswer(answer);
    }
    if (this.#isOpen) this.#listener.onReport(this.#reader.openConnections);
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
    this.#pipe?.socket.destroy();
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#listener.onClosed();
  }
}

function requireOwnUser(socket: Socket, endpoint: string): void {
  if (!isOwnUser(socket)) throw new Error(`the process at ${endpoint} is another user's`);
}
