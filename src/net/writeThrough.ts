import type { Socket } from 'node:net';

/**
 * Writes bytes and calls back when the kernel has all of them, or with the error. It calls back synchronously if the kernel
 * takes them at once, which is usual while little is buffered.
 */
export function writeThrough(socket: Socket, bytes: Buffer, callback: (error?: Error) => void): void {
  let called = false;
  const once = (error?: Error | null): void => {
    if (called) return;
    called = true;
    callback(error ?? undefined);
  };
  socket.write(bytes, once);
  if (socket.writableLength === 0 && socket.errored === null && !socket.destroyed) once();
}
