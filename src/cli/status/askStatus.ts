import { connect } from 'node:net';
import { checkPathLength } from '../../broker/options/checkBrokerOptions';
import type { BackendSummary, BrokerSummary } from '../../protocol/brokerStatus';
import { encodeFrame } from '../../protocol/encodeFrame';
import { FrameReader } from '../../protocol/FrameReader';
import type { Frame } from '../../protocol/frame';

const TIMEOUT_MS = 5000;

/** The status of a running broker. */
export interface BrokerReport {
  readonly broker: BrokerSummary;
  readonly backends: readonly BackendSummary[];
}

/**
 * Asks the broker at a socket path for its status.
 * @param signal cancels
 * @throws {Error} no broker listens, it doesn't answer within 5 seconds, or its version doesn't support `status` (the promise
 *   rejects; the message says which)
 */
export function askStatus(socketPath: string, signal?: AbortSignal): Promise<BrokerReport> {
  return new Promise((resolve, reject) => {
    checkPathLength('socketPath', socketPath);
    const reader = new FrameReader();
    const backends: BackendSummary[] = [];
    let broker: BrokerSummary | undefined;
    const socket = connect({ path: socketPath });
    const finish = (result: BrokerReport | Error): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.destroy();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    const timer = setTimeout(
      () => finish(new Error(`The broker at ${socketPath} doesn't answer`)),
      TIMEOUT_MS,
    );
    const onAbort = (): void => finish(new Error(`Waiting for the broker at ${socketPath} was cancelled`));
    if (signal?.aborted) return onAbort();
    signal?.addEventListener('abort', onAbort);
    const take = (frame: Frame): void => {
      if (frame.type === 'error') {
        finish(new Error(`The broker at ${socketPath} answered ${frame.code}: ${frame.message}`));
      } else if (frame.type !== 'statusReply') {
        finish(new Error(`${socketPath} answered ${frame.type} instead of statusReply`));
      } else {
        broker ??= frame.broker;
        backends.push(...frame.backends);
        if (frame.last && broker !== undefined) finish({ broker, backends });
      }
    };
    socket.on('data', (chunk) => {
      try {
        reader.push(chunk);
        for (let frame = reader.next(); frame !== undefined; frame = reader.next()) take(frame);
      } catch (error) {
        finish(error as Error);
      }
    });
    socket.on('end', () => finish(new Error(`The broker at ${socketPath} ended its answer too early`)));
    socket.on('error', (error: NodeJS.ErrnoException) => finish(readable(error, socketPath)));
    socket.write(encodeFrame({ type: 'status' }));
  });
}

function readable(error: NodeJS.ErrnoException, socketPath: string): Error {
  switch (error.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new Error(`No broker listens at ${socketPath}`, { cause: error });
    case 'EACCES':
    case 'EPERM':
      return new Error(`${socketPath} belongs to another user: only its owner may ask`, { cause: error });
    default:
      return error;
  }
}
