import type { Socket } from 'node:net';
import { holdReading, releaseReading } from './holdReading';

const LINGER_MS = 2000;
/** More than a client has on its way that hasn't read our words yet, unless it goes on and on. */
const MAX_DROPPED_BYTES = 262_144;

/**
 * Writes last bytes, shuts our side down, and drops what else comes, 256 KiB at most, until the other side ends too, for at
 * most two seconds: a close with unread bytes behind it could reach the other side as a reset, in front of our last words.
 */
export function lingeringClose(socket: Socket, bytes: Buffer): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
  // Only now: with nobody else to listen, an error would end the process.
  socket.on('error', () => socket.destroy());
  releaseReading(socket);
  let dropped = 0;
  socket.on('data', ({ length }: Buffer) => {
    dropped += length;
    // Whoever sends for as long as somebody reads would keep this process busy with it.
    if (dropped > MAX_DROPPED_BYTES) holdReading(socket);
  });
  // Where the reader before us paused the stream, a listener alone doesn't start it again.
  socket.resume();
  socket.end(bytes);
}
