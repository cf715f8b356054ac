import { RECONNECT_REASONS } from '../../machines/vocabulary';
import { maxSocketPathBytes } from '../../src/net/maxSocketPathBytes';
import { encodeFrame } from '../../src/protocol/encodeFrame';
import { FrameReader } from '../../src/protocol/FrameReader';
import {
  FRAME_TYPE_NUMBERS,
  type Frame,
  type FrameType,
  frameTypeOf,
  parseFrame,
} from '../../src/protocol/frame';

const ID = 'a1'.repeat(16);
const ENDPOINT = '/endpoint';

const BROKER = {
  instance: 'shared',
  pid: 1,
  uptimeMs: 0,
  policy: { maxFailedAttemptsPerWindow: 8, failedAttemptWindowMs: 30_000 },
  fd: { open: 1, limit: 2 },
  stats: {
    connections: 0,
    handedOff: 0,
    reconnected: { adoptedBackend: 1 },
    abandoned: 0,
    clientsLeft: 0,
    errors: { busy: 1 },
    lateAcks: 0,
    unknownAcks: 0,
    replayedAcks: 0,
    foreignAcks: 0,
    malformedAcks: 0,
  },
};
const BACKEND = {
  service: 'echo',
  version: '1.0.0',
  pid: 1,
  process: 'ready',
  endpoint: ENDPOINT,
  adopted: false,
  handoffEnabled: true,
  attempts: 0,
  inFlight: 0,
  queued: 0,
  handedOff: 0,
  reconnected: { transferLimit: 1 },
  state: 'idle',
  stateMeans: 'idle it is',
  window: { failedAttempts: 0, remainingMs: 0 },
  next: { answer: 'attempt', because: 'all is well', retryAfterMs: 0 },
};

/** A payload of each type with every field. */
const WHOLE: Readonly<Record<FrameType, object>> = {
  hello: { id: ID, service: 's', version: '*', handoff: true, knows: { backend: ID, stamp: 0 } },
  handoff: { backend: ID, endpoint: ENDPOINT, stamp: 0, deadlineMs: 1, knows: true },
  reconnect: { reason: 'transferLimit', retryAfterMs: 0, backend: ID, endpoint: ENDPOINT, stamp: 0 },
  error: { code: 'busy', message: '', retryable: true, retryAfterMs: 0 },
  attach: { id: ID, backend: ID, stamp: 0 },
  ready: {},
  claimed: {},
  probe: {},
  identity: { backend: ID, serviceName: '', serviceVersion: '', pid: 1 },
  status: {},
  statusReply: { broker: BROKER, backends: [BACKEND], last: true },
  openChannel: { backend: ID, token: ID, lowest: 1, highest: 1 },
  channelOpened: { version: 1, descriptors: true },
  carryDescriptors: { token: ID },
};
const TYPES = Object.keys(WHOLE) as FrameType[];

/** By type and path, what is taken and what is not. */
const IDS = {
  good: [ID, '0'.repeat(32)],
  bad: [`${ID}0`, `0${ID}`, ID.slice(1), ID.toUpperCase(), 'g'.repeat(32), '', 1],
};
const STAMPS = { good: [0, 0.5, 1e12], bad: [-1, -0.001, Number.NaN, '1', null] };
const MAX_PATH_BYTES = maxSocketPathBytes();
const PATHS = {
  good: ['/x', `/${'x'.repeat(MAX_PATH_BYTES - 1)}`],
  bad: [
    '',
    'x',
    './x',
    `/${'x'.repeat(MAX_PATH_BYTES)}`,
    `/${'é'.repeat((MAX_PATH_BYTES + 1) / 2)}`,
    '/x\0',
    1,
  ],
};
const FLAGS = { good: [true, false], bad: [0, 'true', null] };
const VERSIONS = { good: [1, 2, 65_536], bad: [0, -1, 1.5, '1', null] };
const COUNTS = { good: [0, 1, 0.5], bad: [-1, '0', null] };
const BOUNDS: Readonly<
  Record<string, { readonly good: readonly unknown[]; readonly bad: readonly unknown[] }>
> = {
  'hello.id': IDS,
  'hello.service': { good: ['s', 's'.repeat(256)], bad: ['', 's'.repeat(257), 1] },
  'hello.version': { good: ['*', '1'.repeat(128)], bad: ['', '1'.repeat(129), 1] },
  'hello.handoff': FLAGS,
  'hello.knows.backend': IDS,
  'hello.knows.stamp': STAMPS,
  'handoff.backend': IDS,
  'handoff.endpoint': PATHS,
  'handoff.stamp': STAMPS,
  'handoff.deadlineMs': { good: [1, 1.5, 60_000], bad: [0, 0.9, 60_001, '1'] },
  'handoff.knows': FLAGS,
  'reconnect.reason': { good: RECONNECT_REASONS, bad: ['', 'other', 1] },
  'reconnect.retryAfterMs': STAMPS,
  'reconnect.backend': IDS,
  'reconnect.endpoint': PATHS,
  'reconnect.stamp': STAMPS,
  'error.code': { good: ['c', 'c'.repeat(64)], bad: ['', 'c'.repeat(65), 1] },
  'error.message': { good: ['', 'm'.repeat(600)], bad: [1, null] },
  'error.retryable': FLAGS,
  'error.retryAfterMs': STAMPS,
  'attach.id': IDS,
  'attach.backend': IDS,
  'attach.stamp': STAMPS,
  'identity.backend': IDS,
  'identity.serviceName': { good: ['', 'x'], bad: [1] },
  'identity.serviceVersion': { good: ['', 'x'], bad: [1] },
  'identity.pid': { good: [1, 4_194_304], bad: [0, -1, 1.5, '1'] },
  'openChannel.backend': IDS,
  'openChannel.token': IDS,
  'openChannel.lowest': VERSIONS,
  'openChannel.highest': VERSIONS,
  'channelOpened.version': VERSIONS,
  'channelOpened.descriptors': FLAGS,
  'carryDescriptors.token': IDS,
  'statusReply.last': FLAGS,
  'statusReply.broker.pid': { good: [1], bad: [1.5, '1'] },
  'statusReply.broker.stats.handedOff': COUNTS,
  'statusReply.broker.stats.reconnected.adoptedBackend': COUNTS,
  'statusReply.broker.fd.open': COUNTS,
  'statusReply.backends.0.pid': { good: [1], bad: [1.5, '1'] },
  'statusReply.backends.0.next.retryAfterMs': COUNTS,
  'statusReply.backends.0.window.failedAttempts': COUNTS,
};
const MAY_BE_LEFT_OUT = new Set([
  'hello.knows',
  'handoff.knows',
  'reconnect.retryAfterMs',
  'error.retryAfterMs',
  'statusReply.broker',
  'statusReply.broker.fd',
  'statusReply.backends.0.pid',
  'statusReply.backends.0.endpoint',
  'statusReply.backends.0.window',
  'statusReply.backends.0.next.retryAfterMs',
  'statusReply.broker.stats.reconnected.adoptedBackend',
  'statusReply.broker.stats.errors.busy',
  'statusReply.backends.0.reconnected.transferLimit',
  'statusReply.backends.0',
]);

type Node = Record<string, unknown>;

/** A copy of a type's payload in which the field at a path is changed. */
function change(
  path: string,
  by: (parent: Node, key: string) => void,
): { type: FrameType; payload: unknown } {
  const [type, ...keys] = path.split('.') as [FrameType, ...string[]];
  const payload = structuredClone(WHOLE[type]) as Node;
  const last = keys.pop() ?? '';
  by(
    keys.reduce((node, key) => node[key] as Node, payload),
    last,
  );
  return { type, payload };
}

function pathsIn(node: object, prefix: string): string[] {
  return Object.entries(node).flatMap(([key, value]) => {
    const path = `${prefix}.${key}`;
    return [path, ...(typeof value === 'object' && value !== null ? pathsIn(value, path) : [])];
  });
}

function push(...pieces: readonly Uint8Array[]): FrameReader {
  const reader = new FrameReader();
  reader.push(Buffer.concat(pieces));
  return reader;
}

/** A frame as it comes, whatever its payload. */
function frameBytes(type: number, payload: Uint8Array, version = 1): Buffer {
  const header = Buffer.alloc(6);
  header.writeUInt32BE(2 + payload.length, 0);
  header[4] = version;
  header[5] = type;
  return Buffer.concat([header, payload]);
}

describe('the fields of frames', () => {
  it.each(TYPES)('of type %s come back whole', (type) => {
    expect(parseFrame(type, WHOLE[type])).toEqual({ frame: { type, ...WHOLE[type] } });
    expect(frameTypeOf(FRAME_TYPE_NUMBERS[type])).toBe(type);
  });

  it('have fixed numbers on the wire', () => {
    const numbers = Array.from({ length: 16 }, (_, number) => frameTypeOf(number));
    expect(numbers).toEqual([undefined, ...TYPES, undefined]);
  });

  it.each(TYPES.flatMap((type) => pathsIn(WHOLE[type], type)))(
    '%s is required, or may be left out',
    (path) => {
      const { type, payload } = change(path, (parent, key) => {
        if (Array.isArray(parent)) parent.splice(Number(key), 1);
        else delete parent[key];
      });
      const parsed = parseFrame(type, payload);
      if (MAY_BE_LEFT_OUT.has(path)) expect(parsed).toEqual({ frame: { type, ...(payload as object) } });
      else
        expect(parsed).toEqual({
          problem: expect.stringContaining(path.slice(type.length + 1).replace('.0.', '[0].')),
        });
    },
  );

  it.each(Object.entries(BOUNDS))('%s keeps to its bounds', (path, { good, bad }) => {
    for (const value of good) {
      const { type, payload } = change(path, (parent, key) => {
        parent[key] = value;
      });
      expect(parseFrame(type, payload)).toEqual({ frame: { type, ...(payload as object) } });
    }
    for (const value of bad) {
      const { type, payload } = change(path, (parent, key) => {
        parent[key] = value;
      });
      expect(parseFrame(type, payload)).toEqual({
        problem: expect.stringContaining(path.slice(type.length + 1).replace('.0.', '[0].')),
      });
    }
  });

  it('are reported with the problem', () => {
    const endpoint = parseFrame('handoff', { ...WHOLE.handoff, endpoint: 'x' });
    expect(endpoint).toEqual({
      problem: expect.stringMatching(/^endpoint must be the absolute path of a socket.*, but is "x"$/),
    });
    expect(parseFrame('hello', { ...WHOLE.hello, handoff: 1 })).toEqual({
      problem: expect.stringMatching(/^handoff must be true or false, but is 1$/),
    });
  });

  it('are named even if the payload is not an object', () => {
    expect(parseFrame('hello', 'text')).toEqual({
      problem: expect.stringMatching(/^the payload must be an object/),
    });
  });
});

describe('the bounds of a frame', () => {
  const longest = (bytes: number): Frame => {
    const frame = { type: 'error', code: 'c', message: '', retryable: true } as const;
    const rest = encodeFrame(frame).length - 6;
    // A character of two bytes counts as two.
    const odd = (bytes - rest) % 2 === 1 ? 'x' : '';
    return { ...frame, message: odd + 'é'.repeat((bytes - rest - odd.length) / 2) };
  };

  it('are written and read up to 4,096 bytes of payload, and not one more', () => {
    const bytes = encodeFrame(longest(4096));
    expect(bytes).toHaveLength(4096 + 6);
    expect(push(bytes).next()).toEqual(longest(4096));
    expect(() => encodeFrame(longest(4097))).toThrow(
      expect.objectContaining({
        name: 'WireError',
        code: 'badFrame',
        message: 'a error frame of 4097 bytes is over the limit of 4096',
      }),
    );
  });

  it.each([0, 1, 4099, 4_294_967_295])('a length of %p is refused with what it must be', (length) => {
    const header = Buffer.alloc(4);
    header.writeUInt32BE(length, 0);
    const reader = push(header);
    const message = `a frame's length must be 2 to 4098, not ${length}`;
    expect(() => reader.next()).toThrow(
      expect.objectContaining({ code: 'badFrame', name: 'WireError', message }),
    );
  });

  it('are read byte by byte, and bytes after a frame are left', () => {
    const bytes = frameBytes(FRAME_TYPE_NUMBERS.ready, Buffer.from('{}'));
    for (let length = 0; length < bytes.length; length += 1) {
      const reader = push(bytes.subarray(0, length));
      expect(reader.next()).toBeUndefined();
      expect(reader.takeRest().equals(bytes.subarray(0, length))).toBe(true);
      expect(reader.takeRest()).toHaveLength(0);
    }
    const reader = push(bytes, Buffer.from([1, 2]));
    expect(reader.next()).toEqual({ type: 'ready' });
    reader.push(Buffer.from([3]));
    expect([...reader.takeRest()]).toEqual([1, 2, 3]);
  });

  it.each([
    [
      'another version',
      frameBytes(6, Buffer.from('{}'), 2),
      'unsupportedVersion',
      'this side speaks version 1, not 2',
    ],
    ['a type that there is none of', frameBytes(15, Buffer.from('{}')), 'badFrame', 'no frame has type 15'],
    ['no UTF-8', frameBytes(6, Buffer.from([0xc3])), 'badFrame', "ready frame: the payload isn't UTF-8"],
    ['no JSON', frameBytes(6, Buffer.from('{]')), 'badFrame', "ready frame: the payload isn't JSON"],
    ['a field that is missing', frameBytes(5, Buffer.from('{}')), 'badFrame', 'attach frame: id must be '],
  ])('%s is refused with its reason', (_, bytes, code, message) => {
    expect(() => push(bytes).next()).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });

  it('include the message of the JSON parser', () => {
    expect(() => push(frameBytes(6, Buffer.from('{]'))).next()).toThrow(
      expect.objectContaining({ cause: expect.any(SyntaxError) }),
    );
  });

  it('do not copy bytes that came in one piece', () => {
    // Larger than what Node takes from a pool.
    const chunk = Buffer.concat([frameBytes(6, Buffer.from('{}')), Buffer.alloc(10_000)]);
    const reader = new FrameReader();
    reader.push(chunk);
    reader.next();
    expect(reader.takeRest().buffer).toBe(chunk.buffer);
  });
});
