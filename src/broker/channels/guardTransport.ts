import { TRANSFER_REFUSALS } from '../../../machines';
import { requireAnswer } from '../../errors/callbackAnswer';
import { outOfRange } from '../../errors/invalidArgument';
import { onRejection } from '../../errors/onRejection';
import { isError, messageOf } from '../../errors/showValue';
import type { ChannelAnswer } from '../../protocol/channelRecord';
import { NodeIpcChannel } from './createNodeIpcTransport';
import type { HandoffChannel, HandoffChannelListener } from './HandoffChannel';
import type { HandoffTransport } from './HandoffTransport';

const MAX_PIPES = 64;

/** Told which function of a transport failed, and how. */
type TellFailure = (method: string, cause: unknown) => void;

/**
 * A transport that never throws and answers what it should, whatever an embedder's does. What can't be used of it is done
 * by Node's IPC channel.
 *
 * @param tell which function failed, and how.
 * @throws {RangeError} `pipes` isn't valid.
 */
export function guardTransport(transport: HandoffTransport, tell: TellFailure): HandoffTransport {
  const { pipes = 0 } = transport;
  if (!Number.isInteger(pipes) || pipes < 0 || pipes > MAX_PIPES) {
    throw outOfRange('transport.pipes', `an integer from 0 to ${MAX_PIPES}`, pipes);
  }
  const limitation = attempt(
    tell,
    'transport.limitation',
    () => requireAnswer('transport.limitation', transport.limitation, isOptionalText, 'a text'),
    undefined,
  );
  return {
    pipes,
    limitation,
    get supported() {
      return attempt(
        tell,
        'transport.supported',
        () => requireAnswer('transport.supported', transport.supported, isBoolean, 'a boolean'),
        false,
      );
    },
    open(child, listener) {
      const nodeIpc = new NodeIpcChannel(child);
      return attempt(
        tell,
        'transport.open',
        () => {
          const channel: unknown = transport.open(child, guardListener(listener));
          return guardChannel(
            requireAnswer('transport.open', channel, isChannel, 'a channel'),
            nodeIpc,
            tell,
          );
        },
        nodeIpc,
      );
    },
  };
}

function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}

function guardListener(listener: HandoffChannelListener): HandoffChannelListener {
  let isClosed = false;
  return {
    onAnswer(answer: unknown) {
      if (!isClosed) listener.onAnswer(isAnswer(answer) ? answer : 'malformed');
    },
    onClosed() {
      if (isClosed) return;
      isClosed = true;
      listener.onClosed();
    },
  };
}

function guardChannel(channel: HandoffChannel, nodeIpc: NodeIpcChannel, tell: TellFailure): HandoffChannel {
  return {
    get capacity() {
      return attempt(
        tell,
        'channel.capacity',
        () => requireAnswer('channel.capacity', channel.capacity, isCapacity, 'a number from 1'),
        nodeIpc.capacity,
      );
    },
    get isOpen() {
      return attempt(
        tell,
        'channel.isOpen',
        () => requireAnswer('channel.isOpen', channel.isOpen ?? false, isBoolean, 'a boolean'),
        false,
      );
    },
    send(message, socket, callback) {
      const fail = (cause: unknown): void => {
        tell('channel.send', cause);
        callback(toError(cause));
      };
      try {
        const returned: unknown = channel.send(message, socket, (error: unknown) =>
          callback(error === null || error === undefined ? null : toError(error)),
        );
        onRejection(returned, fail);
      } catch (cause) {
        fail(cause);
      }
    },
    sync(message) {
      try {
        const returned: unknown = channel.sync(message);
        onRejection(returned, (cause) => tell('channel.sync', cause));
      } catch (cause) {
        tell('channel.sync', cause);
        nodeIpc.sync(message);
      }
    },
  };
}

function attempt<T>(tell: TellFailure, method: string, call: () => T, otherwise: T): T {
  try {
    return call();
  } catch (cause) {
    tell(method, cause);
    return otherwise;
  }
}

function toError(cause: unknown): Error {
  return isError(cause) ? cause : new Error(`channel.send failed with ${messageOf(cause)}`, { cause });
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function isCapacity(value: unknown): value is number {
  return typeof value === 'number' && value >= 1;
}

/** What `capacity` answers is looked at when it's asked for. */
function isChannel(value: unknown): value is HandoffChannel {
  if (typeof value !== 'object' || value === null) return false;
  const { send, sync } = value as { send?: unknown; sync?: unknown };
  return typeof send === 'function' && typeof sync === 'function';
}

function isAnswer(value: unknown): value is ChannelAnswer | 'malformed' {
  if (value === 'malformed') return true;
  if (typeof value !== 'object' || value === null) return false;
  const { type, token, code } = value as { type?: unknown; token?: unknown; code?: unknown };
  if (typeof token !== 'string') return false;
  if (type === 'refuse') return TRANSFER_REFUSALS.includes(code as (typeof TRANSFER_REFUSALS)[number]);
  return type === 'ack' || type === 'synced';
}
