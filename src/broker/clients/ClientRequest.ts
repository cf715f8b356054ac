import type { Socket } from 'node:net';
import { monotonicNow } from '../../net/monotonicNow';
import type { FrameOf } from '../../protocol/frame';
import { stampOfNow } from '../../protocol/stamp';
import type { HelloResult } from './readHello';

/** A client's complete `hello` and its connection. */
export interface ClientRequest {
  readonly socket: Socket;
  readonly hello: FrameOf<'hello'>;
  readonly earlyData: Buffer;
  readonly canHandOff: boolean;
  /** Shared by both routes of the connection, so that its claim expires on both at the same time. */
  readonly issuedAt: number;
  /** Age of `issuedAt` in milliseconds when the `hello` was complete; 0 if the broker made the stamp. */
  readonly ageMs: number;
  /** When the `hello` was complete, in milliseconds of `performance.now`. */
  readonly arrivedAt: number;
}

/** The request of a client whose `hello` has just been read. */
export function clientRequest(
  socket: Socket,
  { hello, earlyData, canHandOff }: Extract<HelloResult, { type: 'hello' }>,
): ClientRequest {
  const { knows } = hello;
  const issuedAt = knows?.stamp ?? stampOfNow();
  const ageMs = knows === undefined ? 0 : monotonicNow() - issuedAt;
  return { socket, hello, earlyData, canHandOff, issuedAt, ageMs, arrivedAt: performance.now() };
}
