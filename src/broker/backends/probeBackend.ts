import type { Socket } from 'node:net';
import { askEndpoint } from '../../protocol/askEndpoint';
import type { FrameOf } from '../../protocol/frame';

/** What a probe found. */
export interface ProbedBackend {
  readonly identity: FrameOf<'identity'>;
  /** Stays open for as long as the process takes connections, and tells the end of that by closing. Whoever probed has to destroy it. */
  readonly watch: Socket;
}

/**
 * Asks the process at an endpoint who it is.
 *
 * @param timeoutMs milliseconds for the whole.
 * @throws {Error} as `askEndpoint` (the promise rejects).
 */
export async function probeBackend(endpoint: string, timeoutMs: number): Promise<ProbedBackend> {
  const { frame, socket } = await askEndpoint(endpoint, { type: 'probe' }, 'identity', timeoutMs);
  socket.resume();
  return { identity: frame, watch: socket };
}
