import { connect, type Socket } from 'node:net';
import { requireSocketPath } from '../net/requireSocketPath';
import { encodeFrame } from './encodeFrame';
import { FrameReader } from './FrameReader';
import type { Frame, FrameOf, FrameType } from './frame';

const TIMEOUT = 'ETIMEDOUT';
const BUSY = 'EBUSY';
const BROKEN = [BUSY, 'ECONNRESET', 'EPIPE', 'EAGAIN', 'EMFILE', 'ENFILE'];

/** The error of a question that had no answer in time. */
export function askTimeout(endpoint: string, timeoutMs: number): Error {
  return Object.assign(new Error(`no answer from ${endpoint} within ${Math.round(timeoutMs)} ms`), {
    code: TIMEOUT,
  });
}

/** Whether a question failed because the endpoint took the connection, or may have, and said nothing. */
export function isAskTimeout(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === TIMEOUT;
}

/**
 * Whether a question failed on the way to somebody who is there: who is out of descriptors accepts and closes, and one with
 * too many visitors lets nobody connect, or says that it's busy.
 */
export function isAskBroken(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && BROKEN.includes(code);
}

/** Whether a question failed because nobody listens at the endpoint. */
export function isAskRefused(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ECONNREFUSED' || code === 'ENOENT';
}

/** What an endpoint answered. */
export interface EndpointAnswer<T extends FrameType> {
  readonly frame: FrameOf<T>;
  /** What came behind the frame. */
  readonly rest: Buffer;
  /** Open and paused, with no listener but one for errors. Whoever asked has to destroy it. */
  readonly socket: Socket;
}

/**
 * Connects to an endpoint and asks it a question.
 *
 * @param timeoutMs milliseconds for the whole.
 * @throws {Error} if nobody gives an answer of this type in time (the promise rejects).
 */
export function askEndpoint<T extends FrameType>(
  endpoint: string,
  question: Frame,
  answer: T,
  timeoutMs: number,
): Promise<EndpointAnswer<T>> {
  return new Promise((resolve, reject) => {
    requireSocketPath('endpoint', endpoint);
    const reader = new FrameReader();
    const socket = connect({ path: endpoint });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(askTimeout(endpoint, timeoutMs)), timeoutMs);
    const onClose = (): void =>
      fail(
        Object.assign(new Error(`${endpoint} closed the connection without an answer`), {
          code: 'ECONNRESET',
        }),
      );
    const onData = (chunk: Buffer): void => {
      try {
        reader.push(chunk);
        const frame = reader.next();
        if (frame === undefined) return;
        requireAnswer(endpoint, frame, answer);
        clearTimeout(timer);
        socket.pause();
        socket.off('close', onClose);
        socket.off('data', onData);
        socket.off('error', fail);
        socket.on('error', () => socket.destroy());
        resolve({ frame, rest: reader.takeRest(), socket });
      } catch (error) {
        fail(error as Error);
      }
    };
    socket.on('error', fail);
    socket.on('close', onClose);
    socket.on('data', onData);
    socket.write(encodeFrame(question));
  });
}

function requireAnswer<T extends FrameType>(
  endpoint: string,
  frame: Frame,
  type: T,
): asserts frame is FrameOf<T> {
  if (frame.type === 'error') {
    const error = new Error(`${endpoint} answered ${frame.code}: ${frame.message}`);
    throw frame.retryable ? Object.assign(error, { code: BUSY }) : error;
  }
  if (frame.type !== type) throw new Error(`${endpoint} answered ${frame.type}, not ${type}`);
}
