import { TRANSFER_REFUSALS } from '../../machines';
import { encodeAnswer, encodeRequest } from '../../src/protocol/channelRecord';
import { encodeFrame } from '../../src/protocol/encodeFrame';
import type { Frame } from '../../src/protocol/frame';
import { PROTOCOL_VERSION } from '../../src/protocol/wireLimits';
import type { SeededRandom } from './SeededRandom';

const ID = '0123456789abcdef0123456789abcdef';

/** One valid frame of each type: what mutants begin as. */
const FRAMES: readonly [Frame, ...Frame[]] = [
  {
    type: 'hello',
    id: ID,
    service: 'echo',
    version: '^1.0.0',
    handoff: true,
    knows: { backend: ID, stamp: 12 },
  },
  { type: 'handoff', backend: ID, endpoint: '/run/b.sock', stamp: 12, deadlineMs: 1000, knows: true },
  { type: 'reconnect', reason: 'transferLimit', backend: ID, endpoint: '/run/b.sock', stamp: 12 },
  { type: 'error', code: 'busy', message: 'too many', retryable: true, retryAfterMs: 100 },
  { type: 'attach', id: ID, backend: ID, stamp: 12 },
  { type: 'ready' },
  { type: 'claimed' },
  { type: 'probe' },
  { type: 'identity', backend: ID, serviceName: 'echo', serviceVersion: '1.0.0', pid: 7 },
  { type: 'openChannel', backend: ID, token: ID, lowest: 1, highest: 2 },
  { type: 'channelOpened', version: 1, descriptors: true },
  { type: 'carryDescriptors', token: ID },
];

const encoded = FRAMES.map(encodeFrame) as [Buffer, ...Buffer[]];

/** What parsers stumble over. */
const TEXTS = [
  '',
  '\0',
  '__proto__',
  'constructor',
  '\u{1f600}',
  '\ud800',
  'x'.repeat(5000),
  '[',
  '{',
  '"',
  '1e999',
  '-0',
  'null',
  '9'.repeat(400),
] as const;

const NUMBERS = [0, 1, 2, 5, 6, 127, 128, 254, 255] as const;

/** Bytes that are a frame, nearly one, several, or none at all. */
export function makeBytes(random: SeededRandom): Buffer {
  if (random.once(8)) return random.bytes(random.below(64));
  const parts = Array.from({ length: 1 + random.below(3) }, () => Buffer.from(random.pick(encoded)));
  let bytes: Buffer = Buffer.concat(parts);
  for (let changes = random.below(4); changes > 0; changes -= 1) bytes = mutate(random, bytes);
  return bytes;
}

function mutate(random: SeededRandom, bytes: Buffer): Buffer {
  const at = random.below(bytes.length + 1);
  switch (random.below(8)) {
    case 0: {
      if (at < bytes.length) bytes[at] = random.below(256);
      return bytes;
    }
    case 1: {
      if (at < bytes.length) bytes[at] = random.pick(NUMBERS);
      return bytes;
    }
    case 2:
      return bytes.subarray(0, at);
    case 3:
      return bytes.subarray(at);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(random.below(8)), bytes.subarray(at)]);
    case 5:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(random.pick(TEXTS)), bytes.subarray(at)]);
    case 6:
      // The header: lengths, version and type at their bounds.
      if (bytes.length >= 6) bytes.writeUInt32BE(random.pick([0, 1, 2, 3, 4097, 4098, 4099, 2 ** 32 - 1]), 0);
      return bytes;
    default:
      return makePayload(random, bytes);
  }
}

/** Bytes of the channel for handles, of either side, that are records, nearly, or none at all. */
export function makeRecords(random: SeededRandom): Buffer {
  const token = random.bytes(16).toString('hex');
  const handoffController = PROTOCOL_VERSION;
  const makeRecord = (): Buffer =>
    random.pick<() => Buffer>([
      () => Buffer.concat(encodeRequest({ handoffController, type: 'sync', token })),
      () =>
        Buffer.concat(
          encodeRequest({
            handoffController,
            type: 'handoff',
            token,
            id: ID,
            stamp: random.below(1e6),
            earlyData: random.bytes(random.below(100)),
            traceparent: random.once(2) ? undefined : random.pick(TEXTS).slice(0, 100),
          }),
        ),
      () => encodeAnswer({ handoffController, type: 'ack', token }, random.below(100)),
      () => encodeAnswer(undefined, random.below(100)),
      () =>
        encodeAnswer({ handoffController, type: 'refuse', token, code: random.pick(TRANSFER_REFUSALS) }, 0),
      () => Buffer.concat(encodeRequest({ handoffController, type: 'drain', timeoutMs: random.below(1e6) })),
    ])();
  let bytes: Buffer = Buffer.concat(Array.from({ length: 1 + random.below(3) }, makeRecord));
  for (let changes = random.below(4); changes > 0; changes -= 1) bytes = mutate(random, bytes);
  return bytes;
}

/** A whole frame around JSON that is hardly what its type wants. */
function makePayload(random: SeededRandom, behind: Buffer): Buffer {
  const depth = random.below(2000);
  const json = random.pick<() => string>([
    () => `${'['.repeat(depth)}${']'.repeat(depth)}`,
    () => `{"id":${'{"a":'.repeat(depth % 700)}1${'}'.repeat(depth % 700)}}`,
    () => jsonOf(makeValue(random, 3)),
    () => `{"__proto__":{"id":"${ID}","handoff":true},"service":"echo","version":"*"}`,
    () =>
      `{"id":"${ID}","id":1,"service":${JSON.stringify(random.pick(TEXTS))},"version":"*","handoff":true}`,
  ])();
  const payload = Buffer.from(json).subarray(0, 4096);
  const header = Buffer.from([0, 0, 0, 0, 1, 1 + random.below(9)]);
  header.writeUInt32BE(2 + payload.length, 0);
  return Buffer.concat([header, payload, behind]);
}

/** A value as JSON, if it has a form in it. */
function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch {
    return 'null';
  }
}

/** Cuts bytes as a stream may. */
export function cut(random: SeededRandom, bytes: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const size = random.once(3) ? 1 : 1 + random.below(bytes.length);
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

/** Anything that structured cloning can bring over a channel. */
export function makeValue(random: SeededRandom, depth: number): unknown {
  switch (random.below(depth > 0 ? 20 : 15)) {
    case 0:
      return undefined;
    case 1:
      return null;
    case 2:
      return random.once(2);
    case 3:
      return random.pick([0, -0, 1, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 31)]);
    case 4:
      return random.pick(TEXTS);
    case 5:
      return ID;
    case 6:
      return ID.toUpperCase();
    case 7:
      return random.bytes(random.below(40));
    case 8:
      return new DataView(new ArrayBuffer(8), random.below(8));
    case 9:
      return new Float64Array(2);
    case 10:
      return new Date(Number.NaN);
    case 11:
      return new Error('from the other side');
    case 12:
      return BigInt(random.below(1000));
    case 13:
      return random.pick(['handoff', 'ack', 'refuse', 'sync', 'synced', 'listening', 'permission']);
    case 14: {
      const circular: { handoffController: number; token?: unknown } = { handoffController: 1 };
      circular.token = circular;
      return circular;
    }
    case 15:
      return Array.from({ length: random.below(5) }, () => makeValue(random, depth - 1));
    case 16:
      return new Map([[makeValue(random, depth - 1), makeValue(random, depth - 1)]]);
    case 17:
      return new Set([makeValue(random, depth - 1)]);
    case 18:
      return Object.assign(Object.create(null), { token: makeValue(random, depth - 1) });
    default:
      return { [random.pick(TEXTS)]: makeValue(random, depth - 1) };
  }
}

const FIELDS = ['handoffController', 'type', 'token', 'id', 'stamp', 'earlyData', 'code', 'more'] as const;

/** A message that is one of ours, nearly one, or nothing of the kind. Never a valid `stop`. */
export function makeMessage(random: SeededRandom): unknown {
  if (random.once(10)) return makeValue(random, 4);
  const token = random.bytes(16).toString('hex');
  const message: Record<string, unknown> = {
    handoffController: 1,
    ...random.pick<Record<string, unknown>>([
      { type: 'handoff', token, id: ID, stamp: random.below(1e9), earlyData: random.bytes(random.below(20)) },
      { type: 'sync', token },
      { type: 'listening' },
      { type: 'ack', token },
      { type: 'refuse', token, code: random.pick(['permission', 'integrity', 'claimed', 'busy']) },
      { type: 'synced', token },
    ]),
  };
  for (let changes = random.below(3); changes > 0; changes -= 1) {
    const field = random.pick(FIELDS);
    if (random.once(3)) delete message[field];
    else message[field] = makeValue(random, 3);
  }
  return message;
}
