import type { ChildProcess } from 'node:child_process';
import { TRANSFER_REFUSALS } from '../../machines';
import { onRejection, requireAnswer } from '../errors/callbackAnswer';
import { outOfRange } from '../errors/invalidArgument';
import type { ChannelAnswer } from '../wire/channelRecord';
import type { SyncMessage } from '../wire/ipcMessage';
import type { HandoffTransport } from './HandoffTransport';

const MAX_PIPES = 64;

/**
 * A transport that never throws and answers what it should, whatever an embedder's does.
 *
 * @param tell which function failed, and how.
 * @throws {RangeError} `pipes` isn't valid.
 */
export function guardTransport(
  transport: HandoffTransport,
  tell: (method: string, cause: unknown) => void,
): HandoffTransport {
  const { pipes = 0 } = transport;
  if (!Number.isInteger(pipes) || pipes < 0 || pipes > MAX_PIPES) {
    throw outOfRange('transport.pipes', `an integer from 0 to ${MAX_PIPES}`, pipes);
  }
  const attempt = <T>(method: string, call: () => T, otherwise: T): T => {
    try {
      return call();
    } catch (cause) {
      tell(`transport.${method}`, cause);
      return otherwise;
    }
  };
  const told = (method: string, returned: unknown): void =>
    onRejection(returned, (cause) => tell(`transport.${method}`, cause));
  return {
    pipes,
    get supported() {
      return attempt(
        'supported',
        () => requireAnswer('transport.supported', transport.supported, isBoolean, 'a boolean'),
        false,
      );
    },
    open(child, onAnswer) {
      const onAnything = (answer: unknown): void => onAnswer(isAnswer(answer) ? answer : 'malformed');
      attempt('open', () => told('open', transport.open?.(child, onAnything)), undefined);
    },
    capacity: (child) => {
      if (transport.capacity === undefined) return 1;
      return attempt(
        'capacity',
        () => requireAnswer('transport.capacity', transport.capacity?.(child), isCapacity, 'a number from 1'),
        1,
      );
    },
    send(child, message, socket, callback) {
      const fail = (cause: unknown): void => {
        tell('transport.send', cause);
        callback(toError(cause));
      };
      try {
        const returned: unknown = transport.send(child, message, socket, (error: unknown) =>
          callback(error === null || error === undefined ? null : toError(error)),
        );
        onRejection(returned, fail);
      } catch (cause) {
        fail(cause);
      }
    },
    sync(child, message) {
      const isAsked = attempt(
        'sync',
        () => {
          if (transport.sync === undefined) return false;
          told('sync', transport.sync(child, message));
          return true;
        },
        false,
      );
      if (!isAsked) syncOverNodeIpc(child, message);
    },
  };
}

/** Asks over Node's IPC channel, if it's open. */
export function syncOverNodeIpc(child: ChildProcess, message: SyncMessage): void {
  if (child.connected) child.send(message, () => {});
}

function toError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(`transport.send failed with ${String(cause)}`);
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function isCapacity(value: unknown): value is number {
  return typeof value === 'number' && value >= 1;
}

function isAnswer(value: unknown): value is ChannelAnswer | 'malformed' {
  if (value === 'malformed') return true;
  if (typeof value !== 'object' || value === null) return false;
  const { type, token, code } = value as { type?: unknown; token?: unknown; code?: unknown };
  if (typeof token !== 'string') return false;
  if (type === 'refuse') return TRANSFER_REFUSALS.includes(code as (typeof TRANSFER_REFUSALS)[number]);
  return type === 'ack' || type === 'synced';
}
