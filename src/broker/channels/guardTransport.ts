import { TRANSFER_REFUSALS } from '../../../machines';
import { requireAnswer } from '../../errors/callbackAnswer';
import { onRejection } from '../../errors/onRejection';
import { isError, messageOf } from '../../errors/showValue';
import type { ChannelAnswer } from '../../protocol/channelRecord';
import type { HandoffChannel, HandoffChannelListener } from './HandoffChannel';
import type { HandoffTransport } from './HandoffTransport';

const CHANNEL_METHODS = ['send', 'sync', 'drain', 'close'] as const;

/** Told which function of a transport failed, and how. */
type TellFailure = (method: string, cause: unknown) => void;

/**
 * A transport that answers what it should, whatever an embedder's does. A channel that fails where nobody could be told is
 * ended.
 *
 * @param tell which function failed, and how.
 */
export function guardTransport(transport: HandoffTransport, tell: TellFailure): HandoffTransport {
  const limitation = attempt(
    tell,
    'transport.limitation',
    () => requireAnswer('transport.limitation', transport.limitation, isOptionalText, 'a text'),
    undefined,
  );
  return {
    nodeIpc: transport.nodeIpc ?? false,
    limitation,
    get supported() {
      return attempt(
        tell,
        'transport.supported',
        () => requireAnswer('transport.supported', transport.supported, isBoolean, 'a boolean'),
        false,
      );
    },
    async open(target, listener) {
      const guarded = guardListener(listener);
      const channel: unknown = await transport.open(target, guarded);
      return guardChannel(
        requireAnswer('transport.open', channel, isChannel, 'a channel'),
        guarded.onClosed,
        tell,
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
    onReport(openConnections: unknown) {
      if (!isClosed && isCount(openConnections)) listener.onReport(openConnections);
    },
    onClosed() {
      if (isClosed) return;
      isClosed = true;
      listener.onClosed();
    },
  };
}

function guardChannel(channel: HandoffChannel, end: () => void, tell: TellFailure): HandoffChannel {
  const attemptTo = (method: string, call: () => unknown, onFailed: () => void): void => {
    const fail = (cause: unknown): void => {
      tell(`channel.${method}`, cause);
      onFailed();
    };
    try {
      onRejection(call(), fail);
    } catch (cause) {
      fail(cause);
    }
  };
  const close = (): void => attemptTo('close', () => channel.close(), end);
  const giveUp = (): void => {
    close();
    end();
  };
  return {
    get capacity() {
      return attempt(
        tell,
        'channel.capacity',
        () => requireAnswer('channel.capacity', channel.capacity, isCount, 'a number from 0'),
        0,
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
    sync: (message) => attemptTo('sync', () => channel.sync(message), giveUp),
    drain: (message) => attemptTo('drain', () => channel.drain(message), giveUp),
    close,
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

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}

/** What `capacity` answers is looked at when it's asked for. */
function isChannel(value: unknown): value is HandoffChannel {
  if (typeof value !== 'object' || value === null) return false;
  return CHANNEL_METHODS.every((method) => typeof (value as HandoffChannel)[method] === 'function');
}

function isAnswer(value: unknown): value is ChannelAnswer | 'malformed' {
  if (value === 'malformed') return true;
  if (typeof value !== 'object' || value === null) return false;
  const { type, token, code } = value as { type?: unknown; token?: unknown; code?: unknown };
  if (typeof token !== 'string') return false;
  if (type === 'refuse') return TRANSFER_REFUSALS.includes(code as (typeof TRANSFER_REFUSALS)[number]);
  return type === 'ack' || type === 'synced';
}
