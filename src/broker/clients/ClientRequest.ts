import type { Socket } from 'node:net';
import { monotonicNow } from '../../net/monotonicNow';
import type { FrameOf } from '../../protocol/frame';
import { stampOfNow } from '../../protocol/stamp';
import type { HelloResult } from './readHello';

/** A client that has said what it wants. */
export interface ClientRequest {
  readonly socket: Socket;
  readonly hello: FrameOf<'hello'>;
  readonly earlyData: Buffer;
  readonly canHandOff: boolean;
  /** One for all of the connection's routes, or its claim could outlive one and not the other. */
  readonly issuedAt: number;
  /** How old that was when the `hello` was complete, in milliseconds: 0 if it's the broker's own. */
  readonly ageMs: number;
  /** When the `hello` was complete: milliseconds, as `performance.now` has them. */
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
