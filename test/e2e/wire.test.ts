import { connect as connectSocket } from 'node:net';
import type { Broker } from '../../src/broker';
import { connect } from '../../src/client';
import { eventually } from '../support/eventually';
import { rawFrame, rawHello, takeFrames } from './independentClient';
import { openFds } from './support/openFds';
import { readAll } from './support/readAll';
import { fixtureService, TestBrokers } from './support/TestBrokers';

const ID = 'b'.repeat(32);
const HELLO_WITH_INFINITE_STAMP = `{"id":"${ID}","service":"echo","version":"*","handoff":true,"knows":{"backend":"${ID}","stamp":1e999}}`;

describe('the answer of a broker to', () => {
  let brokers: TestBrokers;
  let broker: Broker;
  /** One that waits for no hello. */
  let hasty: Broker;
  let fdsBefore: number;

  beforeAll(async () => {
    brokers = new TestBrokers();
    broker = await brokers.start({
      services: ['1.0.0', '1.4.2', '2.0.0', '3.0.0-rc.1'].map((version) =>
        fixtureService('info', { version }),
      ),
    });
    hasty = await brokers.start({ helloTimeoutMs: 60 });
    fdsBefore = openFds();
  });
  afterEach(() => eventually('no more descriptors to be open than before', () => openFds() <= fdsBefore));
  afterAll(async () => expect(await brokers.stop()).toEqual([]));

  async function answerTo(bytes: Buffer, { socketPath } = broker) {
    const socket = connectSocket(socketPath);
    socket.write(bytes);
    return takeFrames(await readAll(socket)).frames;
  }

  const error = (code: string, retryable = false) => [{ type: 'error', fields: { code, retryable } }];

  it.each<[string, Buffer, string]>([
    ['another version', rawFrame(1, {}, 2), 'unsupportedVersion'],
    ['an unknown type', rawFrame(77, {}), 'badFrame'],
    ["a type that isn't for a broker", rawFrame(6, {}), 'badFrame'],
    ['a length of 0', Buffer.alloc(64), 'badFrame'],
    ['a length over the limit', rawFrame(1, `"${'x'.repeat(4095)}"`), 'badFrame'],
    ['the largest length', Buffer.alloc(64, 255), 'badFrame'],
    ['a payload that is no JSON', rawFrame(1, '{"id":'), 'badFrame'],
    ['a payload that is no UTF-8', Buffer.from([0, 0, 0, 5, 1, 1, 0x22, 0xff, 0x22]), 'badFrame'],
    ['a payload that is no object', rawFrame(1, '[]'), 'badFrame'],
    ['deep JSON', rawFrame(1, '['.repeat(4000)), 'badFrame'],
    ['a field that lacks', rawFrame(1, { id: 'a'.repeat(32), service: 'echo', version: '*' }), 'badFrame'],
    ['an id of another form', rawHello({ id: 'A'.repeat(32) }), 'badFrame'],
    ['an empty service', rawHello({ service: '' }), 'badFrame'],
    ['a service too long', rawHello({ service: 'x'.repeat(257) }), 'badFrame'],
    ['a known backend that is nothing', rawHello({ knows: null }), 'badFrame'],
    ['a known backend that is no object', rawHello({ knows: ID }), 'badFrame'],
    ['a known backend in a list', rawHello({ knows: [{ backend: ID, stamp: 1 }] }), 'badFrame'],
    ['a known backend without a stamp', rawHello({ knows: { backend: ID } }), 'badFrame'],
    ['a known backend without a name', rawHello({ knows: { stamp: 1 } }), 'badFrame'],
    ['a known backend of another form', rawHello({ knows: { backend: 'B', stamp: 1 } }), 'badFrame'],
    ['a stamp in words', rawHello({ knows: { backend: ID, stamp: '1' } }), 'badFrame'],
    ['a stamp before all time', rawHello({ knows: { backend: ID, stamp: -1 } }), 'badFrame'],
    ['a stamp without end', rawFrame(1, HELLO_WITH_INFINITE_STAMP), 'badFrame'],
    ['half a hello', rawHello().subarray(0, 30), 'helloTimeout'],
    ['nothing', Buffer.alloc(0), 'helloTimeout'],
    ['a version that is no range', rawHello({ version: 'newest' }), 'badVersion'],
    ['an unknown service', rawHello({ service: 'ech' }), 'unknownService'],
    ['a name of the prototype', rawHello({ service: '__proto__' }), 'unknownService'],
    ['a version that there is not', rawHello({ version: '^4' }), 'noMatchingVersion'],
  ])('%s', async (_, bytes, code) => {
    const isLate = code === 'helloTimeout';
    expect(await answerTo(bytes, isLate ? hasty : broker)).toMatchObject(error(code, isLate));
  });

  it('a hello in single bytes, and fields it does not know', async () => {
    const hello = rawHello({ handoff: false, future: { nested: true } });
    const socket = connectSocket(broker.socketPath);
    const answer = readAll(socket);
    for (const byte of hello) {
      await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve));
    }
    expect(takeFrames(await answer).frames).toMatchObject([
      { type: 'reconnect', fields: { reason: 'clientUnsupported' } },
    ]);
  });

  it('a refused client that continues to write', async () => {
    const socket = connectSocket({ path: broker.socketPath, allowHalfOpen: true });
    socket.on('error', () => {});
    const answer = readAll(socket);
    socket.write(rawHello({ handoff: false }));
    for (let i = 0; i < 100; i += 1) socket.write(Buffer.alloc(10_000));
    expect(takeFrames(await answer).frames).toMatchObject([{ type: 'reconnect' }]);
    socket.destroy();
  });

  it.each([
    ['*', '2.0.0'],
    ['^1', '1.4.2'],
    ['1.0.0', '1.0.0'],
    ['~1.0', '1.0.0'],
    ['>=1 <2', '1.4.2'],
    ['3.0.0-rc.1', '3.0.0-rc.1'],
  ])('version %s with the highest that matches', async (version, expected) => {
    const route = new Promise((resolve) =>
      broker.once('route', ({ backend }) => resolve(backend.serviceVersion)),
    );
    const { socket } = await connect({ socketPath: broker.socketPath, service: 'echo', version });
    await readAll(socket);
    expect(await route).toBe(expected);
  });

  it.each([
    [{ service: 'none' }, 'unknownService'],
    [{ version: '9' }, 'noMatchingVersion'],
    [{ version: 'newest' }, 'refused'],
    [{ signal: AbortSignal.abort() }, 'aborted'],
    [{ socketPath: '/nowhere/at/all.sock', brokerWaitMs: 0 }, 'brokerUnavailable'],
  ])('the library client asking for %j: one error', async (options, code) => {
    await expect(
      connect({ socketPath: broker.socketPath, service: 'echo', ...options }),
    ).rejects.toMatchObject({ name: 'HandoffClientError', code });
  });
});
