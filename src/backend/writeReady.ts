import type { Socket } from 'node:net';
import { holdReading } from '../net/holdReading';
import { writeThrough } from '../net/writeThrough';
import { encodeFrame } from '../protocol/encodeFrame';

const READY = encodeFrame({ type: 'ready' });

/**
 * Tells a client that the connection is this process's from now on.
 *
 * @param timeoutMs milliseconds after which a client that doesn't take it loses its connection.
 * @param callback called once the system has the whole frame, or with why it never will.
 */
export function writeReady(socket: Socket, timeoutMs: number, callback: (error?: Error) => void): void {
  let done = false;
  let timer: NodeJS.Timeout | undefined;
  writeThrough(socket, READY, (error) => {
    done = true;
    clearTimeout(timer);
    callback(error);
  });
  if (done) return;
  // Whatever is read before the application listens could be lost on it, an end for instance.
  holdReading(socket);
  timer = setTimeout(() => socket.destroy(), timeoutMs);
}
