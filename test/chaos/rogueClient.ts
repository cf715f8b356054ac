import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicNow } from '../../src/net/monotonicNow';
import { randomId } from '../../src/net/randomId';
import { encodeFrame } from '../../src/protocol/encodeFrame';
import { FrameReader } from '../../src/protocol/FrameReader';
import type { FrameOf } from '../../src/protocol/frame';

/** Where in the protocol a client breaks off. */
export const ROGUE_STEPS = [
  'leaveAfterConnect',
  'leaveInHello',
  'leaveAfterHello',
  'leaveAfterAnswer',
  'leaveInAttach',
  'leaveAfterAttach',
  'leaveAfterKnowing',
  'useBothRoutes',
  'garbage',
] as const;

export type RogueStep = (typeof ROGUE_STEPS)[number];

const LONGEST_MS = 3000;

/** Goes as far as a step of the protocol and breaks off there. */
export async function rogueClient(socketPath: string, service: string, step: RogueStep): Promise<void> {
  const first = open(socketPath);
  const id = randomId();
  const isKnowing = step === 'leaveAfterKnowing' || step === 'useBothRoutes';
  const hello = encodeFrame({
    type: 'hello',
    id,
    service,
    version: '*',
    handoff: step !== 'leaveAfterAttach' && !isKnowing,
  });
  try {
    if (step === 'garbage') first.write(Buffer.alloc(64, 0xff));
    else if (step === 'leaveInHello') first.write(hello.subarray(0, hello.length / 2));
    else if (step !== 'leaveAfterConnect') first.write(hello);
    if (step === 'leaveAfterConnect' || step === 'leaveInHello' || step === 'leaveAfterHello') {
      await new Promise(setImmediate);
      return;
    }
    const target = await Promise.race([answer(first), sleep(LONGEST_MS, undefined, { ref: false })]);
    if (target === undefined || step === 'leaveAfterAnswer' || step === 'garbage') return;
    if (isKnowing) {
      await know(socketPath, service, target, step === 'useBothRoutes');
      return;
    }
    const second = open(target.endpoint);
    const { backend, stamp } = target;
    const attach = encodeFrame({ type: 'attach', id, backend, stamp });
    second.write(step === 'leaveInAttach' ? attach.subarray(0, attach.length / 2) : attach);
    await new Promise(setImmediate);
    second.destroy();
  } finally {
    first.destroy();
  }
}

/** Names the backend in a hello, and doesn't wait; or doesn't even wait to be at the endpoint too. */
async function know(
  socketPath: string,
  service: string,
  { backend, endpoint }: Pick<FrameOf<'handoff'>, 'backend' | 'endpoint'>,
  usesBothRoutes: boolean,
): Promise<void> {
  const id = randomId();
  const stamp = monotonicNow();
  const sockets = [open(socketPath)];
  const knows = { backend, stamp };
  sockets[0]?.write(encodeFrame({ type: 'hello', id, service, version: '*', handoff: true, knows }));
  if (usesBothRoutes) {
    const second = open(endpoint);
    sockets.push(second);
    second.write(encodeFrame({ type: 'attach', id, backend, stamp }));
  }
  await new Promise(setImmediate);
  for (const socket of sockets) socket.destroy();
}

function open(path: string): Socket {
  return connect({ path }).on('error', () => {});
}

function answer(socket: Socket): Promise<FrameOf<'handoff' | 'reconnect'> | undefined> {
  const reader = new FrameReader();
  return new Promise((resolve) => {
    socket.on('close', () => resolve(undefined));
    socket.on('data', (chunk: Buffer) => {
      reader.push(chunk);
      const frame = reader.next();
      if (frame === undefined) return;
      resolve(frame.type === 'handoff' || frame.type === 'reconnect' ? frame : undefined);
    });
  });
}
