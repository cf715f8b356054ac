import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { createNodeIpcTransport } from '../../src/broker/channels/createNodeIpcTransport';
import type { HandoffChannel } from '../../src/broker/channels/HandoffChannel';
import { Transfer } from '../../src/broker/transfers/Transfer';
import { type RefusedAnswer, TransferQueue } from '../../src/broker/transfers/TransferQueue';
import { TransferTokens } from '../../src/broker/transfers/TransferTokens';
import { parseBackendIdentity } from '../../src/protocol/backendIdentity';
import { AnswerReader, RequestReader } from '../../src/protocol/channelRecord';
import { encodeFrame } from '../../src/protocol/encodeFrame';
import { FrameReader } from '../../src/protocol/FrameReader';
import type { Frame } from '../../src/protocol/frame';
import { receiveBackendMessage, receiveBrokerMessage, tokenOf } from '../../src/protocol/ipcMessage';
import { WireError } from '../../src/protocol/WireError';
import { cut, makeBytes, makeMessage, makeRecords, makeValue } from './generate';
import type { SeededRandom } from './SeededRandom';

/** Throws what is wrong, if anything is. */
export type FuzzTarget = (random: SeededRandom) => void;

interface ReadBytes {
  readonly frames: readonly Frame[];
  readonly error: string | undefined;
}

function readAll(chunks: readonly Buffer[]): ReadBytes {
  const reader = new FrameReader();
  const frames: Frame[] = [];
  try {
    for (const chunk of chunks) {
      reader.push(chunk);
      for (;;) {
        const frame = reader.next();
        if (frame === undefined) break;
        frames.push(frame);
      }
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { frames, error: error.code };
  }
  return { frames, error: undefined };
}

/** However bytes are cut they mean the same, what is refused is refused by our error, and what is read can be written. */
export const fuzzFrames: FuzzTarget = (random) => {
  const bytes = makeBytes(random);
  const whole = readAll([bytes]);
  const parts = readAll(cut(random, bytes));
  if (!isDeepStrictEqual(parts, whole)) throw new Error('cut bytes mean something else than whole ones');
  for (const frame of whole.frames) {
    // A frame can grow a little where its JSON had an unusual but shorter form.
    if (Buffer.byteLength(JSON.stringify(frame)) > 4000) continue;
    const again = readAll([encodeFrame(frame)]);
    if (!isDeepStrictEqual(again.frames, [frame]))
      throw new Error(`a ${frame.type} frame is not what it was`);
  }
};

interface RecordReading {
  readonly records: readonly unknown[];
  readonly error: string | undefined;
}

function readRecords(
  reader: { push(chunk: Buffer): void; next(): unknown },
  chunks: readonly Buffer[],
): RecordReading {
  const records: unknown[] = [];
  try {
    for (const chunk of chunks) {
      reader.push(chunk);
      for (let record = reader.next(); record !== undefined; record = reader.next()) records.push(record);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { records, error: error.message };
  }
  return { records, error: undefined };
}

/** However the bytes of the channel for handles are cut they mean the same, and what can't be read ends it by our error. */
export const fuzzRecords: FuzzTarget = (random) => {
  const bytes = makeRecords(random);
  const chunks = cut(random, bytes);
  for (const Reader of [RequestReader, AnswerReader]) {
    const whole = readRecords(new Reader(), [bytes]);
    if (!isDeepStrictEqual(readRecords(new Reader(), chunks), whole)) {
      throw new Error(`cut records mean something else than whole ones to ${Reader.name}`);
    }
  }
};

/** What comes over a channel is told to be ours, ours and wrong, or foreign; never an error. */
export const fuzzMessages: FuzzTarget = (random) => {
  const message = makeMessage(random);
  for (const receive of [receiveBrokerMessage, receiveBackendMessage]) {
    const received = receive(message);
    if (received === 'foreign') continue;
    if ('invalid' in received) tokenOf(received.invalid);
    else if ('token' in received.message && !/^[0-9a-f]{32}$/.test(received.message.token)) {
      throw new Error('a token of another form is let through');
    }
  }
  const text = random.once(2) ? JSON.stringify({ backend: '0'.repeat(32), endpoint: '/e' }) : '{';
  parseBackendIdentity(text.slice(0, random.below(text.length + 1)));
};

const nodeIpc = createNodeIpcTransport();

/** Whatever a backend says without the token, its transfer is not acknowledged, and nothing is thrown. */
export const fuzzAnswers: FuzzTarget = (random) => {
  const child = Object.assign(new EventEmitter(), {
    connected: true,
    // Takes what is sent, and sends it nowhere.
    send: (_message: unknown, _socket: unknown, _options: unknown, callback?: (error: null) => void) =>
      callback?.(null),
  });
  const refused: RefusedAnswer[] = [];
  const identity = { backend: '0'.repeat(32), serviceName: 'e', serviceVersion: '1.0.0', endpoint: '/e' };
  const target = { identity, child: child as unknown as ChildProcess };
  const channel = nodeIpc.open(target, {
    onAnswer: (answer) => queue.receive(answer),
    onReport: () => {},
    onClosed: () => {},
  }) as HandoffChannel;
  const queue = new TransferQueue(channel, new TransferTokens(), (why) => refused.push(why));
  const socket = {
    bytesRead: 0,
    writableLength: 0,
    errored: null,
    destroyed: false,
    destroy: () => {},
    write: () => true,
  };
  let ends = 0;
  const transfer = new Transfer({
    socket: socket as unknown as Socket,
    connectionId: '0'.repeat(32),
    issuedAt: 1,
    clientKnows: random.once(2),
    earlyData: Buffer.alloc(0),
    backend: '0'.repeat(32),
    endpoint: '/e',
    deadlineMs: 60_000,
    onState: () => {},
    onOutcome: () => {
      ends += 1;
    },
  });
  queue.add(transfer);
  for (let messages = 1 + random.below(8); messages > 0; messages -= 1) {
    child.emit('message', random.once(4) ? makeValue(random, 4) : makeMessage(random));
  }
  const isMalformed = refused.includes('malformed');
  if (transfer.state === 'acknowledged') throw new Error('acknowledged without its token');
  if (transfer.isOver !== isMalformed) throw new Error(`${transfer.state} after ${refused.join(', ')}`);
  queue.close();
  if (!transfer.isOver || ends !== 1) throw new Error(`ended ${ends} times`);
};
