import type { Socket } from 'node:net';
import { holdReading, releaseReading } from './holdReading';

const LINGER_MS = 2000;
/** More than an honest client can have in flight before it reads the last bytes. */
const MAX_DROPPED_BYTES = 262_144;

/**
 * Writes last bytes, ends the writable side, and discards incoming bytes (at most 256 KiB, for at most two seconds) until the
 * other side ends. Closing with unread bytes could send a reset that destroys the last bytes.
 */
export function lingeringClose(socket: Socket, bytes: Buffer): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
  // Without any other listener, an error would end the process.
  socket.on('error', () => socket.destroy());
  releaseReading(socket);
  let dropped = 0;
  socket.on('data', ({ length }: Buffer) => {
    dropped += length;
    // A peer that never stops sending would keep this process busy.
    if (dropped > MAX_DROPPED_BYTES) holdReading(socket);
  });
  // An earlier reader may have paused the stream; a listener alone doesn't resume it.
  socket.resume();
  socket.end(bytes);
}
