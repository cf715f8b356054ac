import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { BatchedWriter } from '../net/BatchedWriter';
import { descriptorOf } from '../net/descriptorOf';
import { releaseReading } from '../net/holdReading';
import type { ScmRights } from '../net/scmRights';
import {
  type ChannelAnswer,
  type ChannelRequest,
  encodeAnswer,
  RequestReader,
} from '../protocol/channelRecord';
import { BrokerChannel, type BrokerChannelOptions } from './BrokerChannel';

// Nobody waits for a report; with an answer it costs nothing.
const REPORT_AFTER_MS = 50;

const ignore = (): void => {};

/** A channel that a broker has opened at this process's endpoint. */
export class EndpointBrokerChannel extends BrokerChannel {
  readonly #records: Socket;
  readonly #writer: BatchedWriter;
  readonly #reader = new RequestReader();
  readonly #openConnections: () => number;
  #descriptors: { readonly system: ScmRights; readonly socket: Socket } | undefined;
  // Since the last answer or report. Also if a connection has come and gone: the broker counted it when it sent it here.
  #hasNews = false;
  #reporting: NodeJS.Timeout | undefined;

  /** @param records read up to here, and held. */
  constructor(options: BrokerChannelOptions, records: Socket, openConnections: () => number) {
    super(options);
    this.#records = records;
    this.#writer = new BatchedWriter(records);
    this.#openConnections = openConnections;
    // The application's connections keep the process alive, not this.
    records.unref();
    records.on('error', ignore);
    // What is still on its way is nobody's any more: the clients see the end of their connections.
    records.once('close', () => {
      clearTimeout(this.#reporting);
      this.#descriptors?.socket.destroy();
    });
    records.once('end', () => records.destroy());
    records.on('data', (chunk: Buffer) => this.#onData(chunk));
    releaseReading(records);
    records.resume();
    this.report();
  }

  /** @param socket its reading is held for as long as it's open: only `recvmsg` takes a descriptor out of it. */
  takeDescriptors(system: ScmRights, socket: Socket): void {
    socket.unref();
    socket.on('error', ignore);
    this.#descriptors?.socket.destroy();
    this.#descriptors = { system, socket };
  }

  /** Tells how many connections are open, unless an answer does so first. */
  report(): void {
    this.#hasNews = true;
    this.#reporting ??= setTimeout(() => {
      this.#reporting = undefined;
      if (this.#hasNews) this.#write(undefined);
    }, REPORT_AFTER_MS);
    this.#reporting.unref();
  }

  close(): void {
    this.#writer.flush();
    this.#records.destroy();
  }

  protected send(message: ChannelAnswer): void {
    this.#write(message);
  }

  #write(message: ChannelAnswer | undefined): void {
    if (!this.#records.writable) return;
    this.#hasNews = false;
    this.#writer.write(encodeAnswer(message, this.#openConnections()));
  }

  #onData(chunk: Buffer): void {
    this.#reader.push(chunk);
    for (;;) {
      const message = this.#next();
      if (message === undefined) return;
      this.receive({ message }, message.type === 'handoff' ? this.#takeHandle() : undefined);
    }
  }

  #next(): ChannelRequest | undefined {
    try {
      return this.#reader.next();
    } catch {
      // The end of this channel: the broker opens another one.
      this.close();
      return undefined;
    }
  }

  #takeHandle(): Socket | undefined {
    const { system, socket } = this.#descriptors ?? {};
    const carrier = socket && descriptorOf(socket);
    const descriptor = carrier === undefined ? undefined : system?.receive(carrier);
    if (typeof descriptor !== 'number') return undefined;
    try {
      return new Socket({ fd: descriptor, readable: true, writable: true, allowHalfOpen: true });
    } catch {
      closeSync(descriptor);
      return undefined;
    }
  }
}
