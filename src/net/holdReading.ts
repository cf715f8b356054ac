import type { Socket } from 'node:net';

interface ReadableHandle {
  readStart(): number;
  readStop(): number;
}

// `pause()` only stops the stream: the handle goes on draining the kernel's buffer, which loses bytes once another
// process reads from the same connection. Only the handle can stop that, and Node has no public API for it.
function handleOf(socket: Socket): ReadableHandle | undefined {
  const { _handle: handle } = socket as unknown as { _handle?: Partial<ReadableHandle> | null };
  if (typeof handle?.readStop !== 'function' || typeof handle.readStart !== 'function') return undefined;
  return handle as ReadableHandle;
}

/**
 * Stops reading from the kernel at once, until {@link releaseReading}. Called while a chunk is being delivered, it
 * also keeps the loop that delivered it from reading on.
 *
 * The handle's `reading` flag stays set on purpose: the stream assumes that reading is on and never restarts it.
 *
 * @returns false if this Node doesn't support it; nothing has changed.
 */
export function holdReading(socket: Socket): boolean {
  const handle = handleOf(socket);
  if (handle === undefined) return false;
  return handle.readStop() === 0;
}

/** Resumes reading after {@link holdReading}. No effect on a closed socket. */
export function releaseReading(socket: Socket): void {
  handleOf(socket)?.readStart();
}
