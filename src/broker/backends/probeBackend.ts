import { connect, type Socket } from 'node:net';
import { requireSocketPath } from '../../net/requireSocketPath';
import { encodeFrame } from '../../protocol/encodeFrame';
import { FrameReader } from '../../protocol/FrameReader';
import type { FrameOf } from '../../protocol/frame';

const TIMEOUT = 'ETIMEDOUT';
const BUSY = 'EBUSY';
const BROKEN = [BUSY, 'ECONNRESET', 'EPIPE', 'EAGAIN', 'EMFILE', 'ENFILE'];

/** The error of a probe without an answer in time. */
export function probeTimeout(endpoint: string, timeoutMs: number): Error {
  return Object.assign(new Error(`no answer from ${endpoint} within ${Math.round(timeoutMs)} ms`), {
    code: TIMEOUT,
  });
}

/** Whether a probe got no answer in time: somebody may be listening. */
export function isProbeTimeout(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === TIMEOUT;
}

/**
 * Whether a probe failed although a process is there: one that is out of descriptors accepts and closes, and one with too
 * many connections refuses further ones or answers `busy`.
 */
export function isProbeBroken(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && BROKEN.includes(code);
}

/** Whether a probe failed because nobody listens. */
export function isProbeRefused(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ECONNREFUSED' || code === 'ENOENT';
}

/** The result of a probe. */
export interface ProbedBackend {
  readonly identity: FrameOf<'identity'>;
  /** Stays open until the process ends. The caller has to destroy it. */
  readonly watch: Socket;
}

/**
 * Asks the process at an endpoint for its identity.
 *
 * @param timeoutMs milliseconds for connecting and the answer.
 * @throws {Error} there is no answer in time, or it isn't an `identity` frame (the promise rejects).
 */
export function probeBackend(endpoint: string, timeoutMs: number): Promise<ProbedBackend> {
  return new Promise((resolve, reject) => {
    requireSocketPath('endpoint', endpoint);
    const reader = new FrameReader();
    const watch = connect({ path: endpoint });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      watch.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(probeTimeout(endpoint, timeoutMs)), timeoutMs);
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
        if (frame.type === 'error' && frame.retryable) {
          throw Object.assign(new Error(`${endpoint} answered ${frame.code}`), { code: BUSY });
        }
        if (frame.type !== 'identity') throw new Error(`${endpoint} answered ${frame.type}, not identity`);
        clearTimeout(timer);
        watch.off('close', onClose);
        watch.off('data', onData);
        watch.off('error', fail);
        watch.on('error', () => watch.destroy());
        watch.resume();
        resolve({ identity: frame, watch });
      } catch (error) {
        fail(error as Error);
      }
    };
    watch.on('error', fail);
    watch.on('close', onClose);
    watch.on('data', onData);
    watch.write(encodeFrame({ type: 'probe' }));
  });
}
