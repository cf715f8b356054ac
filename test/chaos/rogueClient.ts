import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeFrame } from '../../src/wire/encodeFrame';
import { FrameReader } from '../../src/wire/FrameReader';
import type { FrameOf } from '../../src/wire/frame';
import { randomId } from '../../src/wire/randomId';

/** Where in the protocol a client breaks off. */
export const ROGUE_STEPS = [
  'leaveAfterConnect',
  'leaveInHello',
  'leaveAfterHello',
  'leaveAfterAnswer',
  'leaveInAttach',
  'leaveAfterAttach',
  'garbage',
] as const;

export type RogueStep = (typeof ROGUE_STEPS)[number];

const LONGEST_MS = 3000;

/** Goes as far as a step of the protocol and breaks off there. */
export async function rogueClient(socketPath: string, service: string, step: RogueStep): Promise<void> {
  const first = open(socketPath);
  const id = randomId();
  const hello = encodeFrame({
    type: 'hello',
    id,
    service,
    version: '*',
    handoff: step !== 'leaveAfterAttach',
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
