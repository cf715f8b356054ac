import type { Socket } from 'node:net';

interface ReadableHandle {
  readStart(): number;
  readStop(): number;
}

// `pause()` only stops the stream: the handle goes on draining the kernel's buffer, which loses bytes once another
// process reads from the same connection. Only the handle can stop that, and Node has no public way to it.
function handleOf(socket: Socket): ReadableHandle | undefined {
  const { _handle: handle } = socket as unknown as { _handle?: Partial<ReadableHandle> | null };
  if (typeof handle?.readStop !== 'function' || typeof handle.readStart !== 'function') return undefined;
  return handle as ReadableHandle;
}

/**
 * Stops reading from the kernel at once, until {@link releaseReading}. Called while a chunk is being delivered, it
 * also keeps the loop that delivered it from reading on.
 *
 * The handle's own `reading` flag stays set on purpose: the stream believes that it is being read and so never
 * starts it again by itself.
 *
 * @returns false if this Node can't do it; then nothing has changed.
 */
export function holdReading(socket: Socket): boolean {
  const handle = handleOf(socket);
  if (handle === undefined) return false;
  return handle.readStop() === 0;
}

/** Goes on after {@link holdReading}. Does nothing to a socket that is closed. */
export function releaseReading(socket: Socket): void {
  handleOf(socket)?.readStart();
}
