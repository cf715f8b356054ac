import type { Socket } from 'node:net';
import { holdReading } from '../../net/holdReading';
import { FrameReader } from '../../protocol/FrameReader';
import type { FrameOf } from '../../protocol/frame';
import { WireError } from '../../protocol/WireError';

/** The outcome of waiting for a client's `hello`. */
export type HelloResult =
  | {
      readonly type: 'hello';
      readonly hello: FrameOf<'hello'>;
      /** The bytes received after the `hello`. */
      readonly earlyData: Buffer;
      /** Whether every byte that isn't in `earlyData` is still in the kernel, so that the handle may be passed. */
      readonly canHandOff: boolean;
    }
  /** A request for the broker's status. */
  | { readonly type: 'status' }
  | { readonly type: 'invalid'; readonly error: WireError }
  | { readonly type: 'timeout' }
  | { readonly type: 'left' };

/**
 * Reads a client's `hello`, then stops reading the socket.
 *
 * @param timeoutMs milliseconds to wait for the whole frame.
 * @returns a function that stops waiting without calling `callback`.
 */
export function readHello(
  socket: Socket,
  timeoutMs: number,
  callback: (result: HelloResult) => void,
): () => void {
  const reader = new FrameReader();
  let received = 0;
  const stop = (): void => {
    clearTimeout(timer);
    socket.off('data', onData);
    socket.off('end', onLeft);
    socket.off('close', onLeft);
  };
  const finish = (result: HelloResult): void => {
    stop();
    callback(result);
  };
  const onData = (chunk: Buffer): void => {
    received += chunk.length;
    const result = read(chunk);
    if (result !== undefined) finish(result);
  };
  const read = (chunk: Buffer): HelloResult | undefined => {
    try {
      reader.push(chunk);
      const frame = reader.next();
      if (frame === undefined) return undefined;
      if (frame.type === 'status') return { type: 'status' };
      if (frame.type !== 'hello') throw new WireError('badFrame', `a broker takes no ${frame.type} frame`);
      // Now, while the chunk is delivered: later the handle might have read more.
      const isHeld = holdReading(socket);
      if (!isHeld) socket.pause();
      const canHandOff = isHeld && socket.bytesRead === received && socket.readableLength === 0;
      return { type: 'hello', hello: frame, earlyData: reader.takeRest(), canHandOff };
    } catch (error) {
      return {
        type: 'invalid',
        error:
          error instanceof WireError ? error : new WireError('badFrame', 'not a frame', { cause: error }),
      };
    }
  };
  const onLeft = (): void => finish({ type: 'left' });
  const timer = setTimeout(() => finish({ type: 'timeout' }), timeoutMs);
  timer.unref();
  socket.on('data', onData);
  socket.on('end', onLeft);
  socket.on('close', onLeft);
  return stop;
}
