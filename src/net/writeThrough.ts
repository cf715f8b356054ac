import type { Socket } from 'node:net';

/**
 * Writes bytes and calls back when the kernel has them all, or with the error. It calls back before it returns if the
 * kernel took them at once, which is the rule for a connection that little was written to.
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
