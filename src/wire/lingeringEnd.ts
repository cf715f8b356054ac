import type { Socket } from 'node:net';
import { releaseReading } from './holdReading';

const LINGER_MS = 2000;

/**
 * Writes last bytes, shuts our side down, and drops whatever else comes until the other side ends too, for at most two
 * seconds: a close with unread bytes behind it could reach the other side as a reset, in front of our last words.
 */
export function lingeringEnd(socket: Socket, bytes: Buffer): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
  // Only now: with nobody else to listen, an error would end the process.
  socket.on('error', () => socket.destroy());
  releaseReading(socket);
  socket.on('data', () => {});
  // Where the reader before us paused the stream, a listener alone doesn't start it again.
  socket.resume();
  socket.end(bytes);
}
