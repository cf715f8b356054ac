import type { Socket } from 'node:net';
import type { ChannelAnswer } from '../protocol/channelRecord';
import { receiveBrokerMessage } from '../protocol/ipcMessage';
import { BrokerChannel } from './BrokerChannel';

const ignore = (): void => {};

/** The way to the broker that started this process with Node's IPC channel, where there is no better one. */
export class NodeIpcBrokerChannel extends BrokerChannel {
  listen(): void {
    process.on('message', this.#onMessage);
  }

  /** Listens no more. */
  stop(): void {
    process.off('message', this.#onMessage);
  }

  close(): void {
    if (process.connected) process.disconnect();
  }

  protected send(message: ChannelAnswer): void {
    if (process.connected) process.send?.(message, undefined, undefined, ignore);
  }

  readonly #onMessage = (value: unknown, handle: unknown): void => {
    const received = receiveBrokerMessage(value);
    if (received !== 'foreign') this.receive(received, isSocket(handle) ? handle : undefined);
  };
}

function isSocket(handle: unknown): handle is Socket {
  return typeof handle === 'object' && handle !== null && 'destroy' in handle && 'unshift' in handle;
}
