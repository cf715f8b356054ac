import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import { RECONNECT_REASONS } from '../../machines';
import type { AdoptableBackend, Broker } from '../../src/broker';
import { connect } from '../../src/client';
import { FRAME_TYPE_NUMBERS } from '../../src/protocol/frame';
import { MAX_DEADLINE_MS, MAX_EARLY_DATA_BYTES, MAX_PAYLOAD_BYTES } from '../../src/protocol/wireLimits';
import { eventually } from '../support/eventually';
import { type ReceivedFrame, rawFrame, rawHello, takeFrames } from './independentClient';
import { readAll } from './support/readAll';
import { fixtureService, TestBrokers } from './support/TestBrokers';

const PAGE = readFileSync(join(__dirname, '../../docs/protocol.md'), 'utf8');

/** The cells of the rows of the first table whose head begins with this cell. */
function table(head: string): string[][] {
  const lines = PAGE.split('\n');
  const rows: string[][] = [];
  const cellsOf = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  const at = lines.findIndex((line) => line.startsWith('|') && cellsOf(line)[0] === head);
  for (const line of lines.slice(at + 2)) {
    if (!line.startsWith('|')) break;
    rows.push(cellsOf(line));
  }
  return rows;
}

function words(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, word]) => word ?? '');
}

describe('the page lists what the code defines', () => {
  it('each type of frame and its number', () => {
    const types = table('type').map(([number, name]) => [words(name)[0], Number(number)]);
    expect(Object.fromEntries(types)).toEqual(FRAME_TYPE_NUMBERS);
  });

  it('each reason to reconnect', () => {
    const [row] = table('field').filter(([name]) => name === '`reason`');
    expect(words(row?.[2]).sort()).toEqual([...RECONNECT_REASONS].sort());
  });

  it('each bound', () => {
    for (const bound of [MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES + 2, MAX_EARLY_DATA_BYTES, MAX_DEADLINE_MS])
      expect(PAGE).toContain(bound.toLocaleString('en'));
  });
});

describe('the rules of the page for', () => {
  let brokers: TestBrokers;
  let broker: Broker;
  let endpoint: string;
  let backend: string;

  beforeAll(async () => {
    brokers = new TestBrokers();
    broker = await brokers.start({ services: [fixtureService('echo')] });
    const [first] = broker.adoptableBackends();
    endpoint = first?.endpoint ?? '';
    backend = first?.backend ?? '';
  });
  afterAll(async () => expect(await brokers.stop()).toEqual([]));

  const newId = (): string => randomBytes(16).toString('hex');
  const now = (): number => Number(process.hrtime.bigint()) / 1e6;

  /** Every frame that comes, and what is behind `ready`, until the other side ends. */
  async function answerTo(path: string, bytes: Buffer, ends = false) {
    const socket = connectSocket({ path, allowHalfOpen: true });
    socket.write(bytes);
    if (ends) socket.end();
    const { frames, rest } = takeFrames(await readAll(socket));
    socket.destroy();
    return { frames, rest };
  }
  const typesTo = async (path: string, bytes: Buffer): Promise<unknown[]> =>
    (await answerTo(path, bytes)).frames.map(({ type, fields }) => fields.code ?? fields.reason ?? type);

  /** A hello as text, of which only the order, the white space and the like are the test's. */
  const hello = (text: string): Buffer => rawFrame(1, text.replace('ID', newId()));

  it('an empty payload: not valid, though the frame has no fields', async () => {
    expect(await typesTo(broker.socketPath, rawFrame(10, ''))).toEqual(['badFrame']);
    expect(await typesTo(endpoint, rawFrame(8, ''))).toEqual(['badFrame']);
  });

  it.each([
    [
      'the last of two fields',
      '{"handoff":true,"id":"ID","service":"echo","version":"*","handoff":false}',
      'clientUnsupported',
    ],
    [
      'white space',
      ' {\t"id" : "ID",\r\n"service":"echo","version":"*","handoff":false } ',
      'clientUnsupported',
    ],
    [
      'escapes in names',
      '{"\\u0069d":"ID","service":"\\u0065cho","version":"*","handoff":false}',
      'clientUnsupported',
    ],
    ['a byte-order mark', '\ufeff{"id":"ID","service":"echo","version":"*","handoff":false}', 'badFrame'],
    [
      'null for a field left out',
      '{"id":"ID","service":"echo","version":"*","handoff":false,"knows":null}',
      'badFrame',
    ],
    [
      'a traceparent that is none',
      '{"id":"ID","service":"echo","version":"*","handoff":false,"traceparent":null}',
      'clientUnsupported',
    ],
    ['a number for a boolean', '{"id":"ID","service":"echo","version":"*","handoff":0}', 'badFrame'],
  ])('the payload: %s', async (_, text, expected) => {
    expect(await typesTo(broker.socketPath, hello(text))).toEqual([expected]);
  });

  it.each([
    ['service', '\u{1f600}'.repeat(256), 'unknownService'],
    ['service', '\u{1f600}'.repeat(257), 'badFrame'],
    ['service', '\u20ac'.repeat(256), 'unknownService'],
    ['service', '\u20ac'.repeat(257), 'badFrame'],
    ['version', '\u{1f600}'.repeat(128), 'badVersion'],
    ['version', '\u{1f600}'.repeat(129), 'badFrame'],
  ])('characters: code points (%s)', async (field, value, code) => {
    expect(await typesTo(broker.socketPath, rawHello({ [field]: value }))).toEqual([code]);
    const asked = connect({ socketPath: broker.socketPath, service: 'echo', [field]: value });
    await expect(asked).rejects.toMatchObject(
      code === 'badFrame' ? { code: 'ERR_OUT_OF_RANGE' } : { name: 'HandoffClientError' },
    );
  });

  it('characters: none is split', async () => {
    const service = `x${'\u{1f600}'.repeat(255)}`;
    const [frame] = (await answerTo(broker.socketPath, rawHello({ service }))).frames;
    expect(frame?.fields).toEqual({
      code: 'unknownService',
      message: `there is no service ${service}`,
      retryable: false,
    });
  });

  it.each<[string, unknown, string]>([
    ['a fraction', 0.25, 'expired'],
    ['an exponent', 1e3, 'expired'],
    ['the largest double', Number.MAX_VALUE, 'expired'],
    ['below zero', -1, 'badFrame'],
    ['text', '1', 'badFrame'],
  ])('numbers: %s', async (_, stamp, code) => {
    expect(await typesTo(endpoint, rawFrame(5, { id: newId(), backend, stamp }))).toEqual([code]);
  });

  const routes: [string, () => Promise<readonly [path: string, frame: Buffer]>][] = [
    ['hello', async () => [broker.socketPath, rawHello()]],
    ['attach', async () => [endpoint, rawFrame(5, { id: newId(), backend, stamp: now() })]],
  ];

  it.each(routes)('data behind a %s: of any size, and half-closed at once', async (_, route) => {
    for (const size of [0, 1, MAX_EARLY_DATA_BYTES, MAX_EARLY_DATA_BYTES + 1, 65_536, 1_000_000]) {
      const [path, frame] = await route();
      const data = randomBytes(size);
      const { frames, rest } = await answerTo(path, Buffer.concat([frame, data]), true);
      expect(frames.at(-1)?.type).toBe('ready');
      expect(rest.equals(data)).toBe(true);
    }
  });

  it.each(routes)('what looks like a frame behind a %s: data', async (_, route) => {
    const [path, frame] = await route();
    const data = Buffer.concat([rawFrame(10, {}), rawFrame(8, {}), Buffer.alloc(9)]);
    const { rest } = await answerTo(path, Buffer.concat([frame, data]), true);
    expect(rest.equals(data)).toBe(true);
  });

  it.each(routes)('half a %s and an end: nobody is there any more', async (_, route) => {
    const [path, frame] = await route();
    expect(await answerTo(path, frame.subarray(0, 30), true)).toEqual({ frames: [], rest: Buffer.alloc(0) });
  });

  it('the fields of a handoff and a reconnect', async () => {
    const announced = (await answerTo(broker.socketPath, rawHello(), true)).frames[0];
    expect(announced).toEqual({
      type: 'handoff',
      fields: { backend, endpoint, stamp: expect.any(Number), deadlineMs: expect.any(Number), knows: true },
    });
    const fields = (await answerTo(broker.socketPath, rawHello({ handoff: false }))).frames[0]?.fields;
    expect(fields).toEqual({ backend, endpoint, stamp: expect.any(Number), reason: 'clientUnsupported' });
    for (const { stamp } of [announced?.fields ?? {}, fields ?? {}])
      expect(Number.isInteger(stamp)).toBe(true);
  });

  it('a claimed id, on either route', async () => {
    const id = newId();
    const attach = rawFrame(5, { id, backend, stamp: now() });
    expect((await answerTo(endpoint, attach, true)).frames).toMatchObject([{ type: 'ready' }]);
    expect((await answerTo(endpoint, attach)).frames).toEqual([{ type: 'claimed', fields: {} }]);
  });
});

describe('each error code of the page comes with the retryable of the page', () => {
  const rows = table('code').map(([code, from, retryable]) => ({
    code: words(code)[0] ?? '',
    from,
    retryable: retryable === 'yes',
  }));
  const expected = Object.fromEntries(rows.map(({ code, from, retryable }) => [code, { from, retryable }]));
  let brokers: TestBrokers;

  beforeEach(() => {
    brokers = new TestBrokers();
  });
  afterEach(async () => expect(await brokers.stop()).toEqual([]));

  async function errorOf(socket: Socket): Promise<ReceivedFrame['fields']> {
    const [frame] = takeFrames(await readAll(socket)).frames;
    expect(frame?.type).toBe('error');
    return frame?.fields ?? {};
  }
  function ask(path: string, bytes: Buffer): Promise<ReceivedFrame['fields']> {
    const socket = connectSocket(path);
    socket.write(bytes);
    return errorOf(socket);
  }

  it('and there is no other', async () => {
    const found = new Map<string, Set<string>>();
    const see = (from: string, fields: ReceivedFrame['fields']): void => {
      const { code, message, retryable } = fields;
      expect({ code, retryable }).toEqual({ code, retryable: expected[String(code)]?.retryable });
      expect(typeof message).toBe('string');
      found.set(String(code), (found.get(String(code)) ?? new Set()).add(from));
    };
    // A bound on the wait for a frame that is for those alone who send none.
    const hasty = await brokers.start({ helloTimeoutMs: 100, services: [fixtureService('shortHello')] });
    const [{ endpoint: hastyEndpoint } = { endpoint: '' }] = hasty.adoptableBackends();
    see('broker', await ask(hasty.socketPath, Buffer.alloc(0)));
    see('backend', await ask(hastyEndpoint, Buffer.alloc(0)));

    // Its second process doesn't come to listen.
    const env = { START_FILE: brokers.path('never') };
    const services = [fixtureService('waitsToStart', { marker: brokers.path('marker'), env })];
    const broker = await brokers.start({ services });
    const [{ backend, endpoint, pid }] = broker.adoptableBackends() as [AdoptableBackend];
    const stamp = Number(process.hrtime.bigint()) / 1e6;
    const id = 'a'.repeat(32);
    for (const [from, path] of [
      ['broker', broker.socketPath],
      ['backend', endpoint],
    ] as const) {
      see(from, await ask(path, rawFrame(6, {}, 2)));
      see(from, await ask(path, rawFrame(6, {})));
    }
    see('broker', await ask(broker.socketPath, rawHello({ version: 'newest' })));
    see('broker', await ask(broker.socketPath, rawHello({ service: 'other' })));
    see('broker', await ask(broker.socketPath, rawHello({ version: '^9' })));
    see('broker', await ask(broker.socketPath, rawHello({ knows: { backend: id, stamp } })));
    see('backend', await ask(endpoint, rawFrame(5, { id, backend: id, stamp })));
    see('backend', await ask(endpoint, rawFrame(5, { id, backend, stamp: 0 })));
    process.kill(pid, 'SIGKILL');
    await eventually('the end of the backend is seen', () => broker.backends()[0]?.process !== 'ready');
    see('broker', await ask(broker.socketPath, rawHello()));

    const small = await brokers.start({ maxConnections: 1, services: [fixtureService('oneVisitor')] });
    const [{ endpoint: smallEndpoint } = { endpoint: '' }] = small.adoptableBackends();
    for (const [from, path] of [
      ['broker', small.socketPath],
      ['backend', smallEndpoint],
    ] as const) {
      const silent = [connectSocket(path), connectSocket(path)];
      see(from, await Promise.race(silent.map(errorOf)));
      for (const socket of silent) socket.destroy();
    }

    const waiting = await brokers.start();
    const silent = connectSocket(waiting.socketPath);
    const told = errorOf(silent);
    await eventually('the connection is accepted', () => waiting.stats().connections === 1);
    await waiting.stop();
    see('broker', await told);

    const sides = Object.fromEntries(
      [...found].map(([code, from]) => [code, from.size === 2 ? 'both' : [...from][0]]),
    );
    // What another user's process is told, test/e2e/endpointChannel.test.ts shows.
    const others = rows.filter(({ code }) => code !== 'forbidden');
    expect(sides).toEqual(Object.fromEntries(others.map(({ code, from }) => [code, from])));
  });
});
