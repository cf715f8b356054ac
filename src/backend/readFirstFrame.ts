import type { Socket } from 'node:net';
import { holdReading } from '../net/holdReading';
import { FrameReader } from '../protocol/FrameReader';
import type { Frame } from '../protocol/frame';

/** How the wait for a connection's first frame ended. */
export type FirstFrame =
  | { readonly type: 'frame'; readonly frame: Frame; readonly rest: Buffer }
  | { readonly type: 'invalid'; readonly error: unknown }
  | { readonly type: 'timeout' }
  | { readonly type: 'ended' };

/**
 * Reads a connection's first frame and stops reading, so that the stream is as good as new for whoever gets it next:
 * nothing flows, and no end has been told.
 *
 * @param timeoutMs milliseconds to wait for the whole frame.
 * @returns a function that stops waiting, without a call back.
 */
export function readFirstFrame(
  socket: Socket,
  timeoutMs: number,
  callback: (result: FirstFrame) => void,
): () => void {
  const reader = new FrameReader();
  const stop = (): void => {
    clearTimeout(timer);
    socket.off('readable', onReadable);
    socket.off('end', onEnd);
    socket.off('close', onEnd);
  };
  const finish = (result: FirstFrame): void => {
    stop();
    callback(result);
  };
  const onReadable = (): void => {
    // Reading is what tells a stream's end, so nothing is read beyond what is there.
    if (socket.readableLength === 0) {
      socket.read(0);
      return;
    }
    const chunk: unknown = socket.read();
    if (!Buffer.isBuffer(chunk)) return;
    let first: FirstFrame;
    try {
      reader.push(chunk);
      const frame = reader.next();
      if (frame === undefined) return;
      holdReading(socket);
      first = { type: 'frame', frame, rest: reader.takeRest() };
    } catch (error) {
      first = { type: 'invalid', error };
    }
    finish(first);
  };
  const onEnd = (): void => finish({ type: 'ended' });
  const timer = setTimeout(() => finish({ type: 'timeout' }), timeoutMs);
  socket.on('readable', onReadable);
  socket.on('end', onEnd);
  socket.on('close', onEnd);
  return stop;
}
