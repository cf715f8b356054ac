import { request } from 'node:http';
import type { Broker } from '../../src/broker';
import type { ConnectOptions } from '../../src/client';
import { eventually } from '../support/eventually';
import { IndependentClient } from './independentClient';
import { dial } from './support/echo';
import { openFds } from './support/openFds';
import { readAll, readBytes } from './support/readAll';
import { fixtureService, TestBrokers } from './support/TestBrokers';

describe.each([
  ['handedOff', true],
  ['reconnected', false],
] as const)('a %s connection', (route, handoff) => {
  let brokers: TestBrokers;
  let broker: Broker;
  let fdsBefore: number;

  beforeAll(async () => {
    brokers = new TestBrokers();
    broker = await brokers.start({
      services: ['echo', 'info', 'http', 'throw'].map((mode) => fixtureService(mode, { name: mode })),
    });
    fdsBefore = openFds();
  });
  afterAll(async () => expect(await brokers.stop()).toEqual([]));

  const open = (service: string, options: Partial<ConnectOptions> = {}) =>
    dial(broker, { service, handoff, ...options });

  it('has the route that it took', async () => {
    const connection = await open('echo');
    expect(connection.route).toBe(route);
    expect(connection.reason).toBe(handoff ? undefined : 'clientUnsupported');
    expect(connection.connectionId).toMatch(/^[0-9a-f]{32}$/);
    connection.socket.destroy();
  });

  it('looks new to the backend', async () => {
    const { socket, connectionId } = await open('info', { earlyData: 'abc' });
    const seen = JSON.parse(String(await readAll(socket)));
    expect(seen).toMatchObject({ route, connectionId, earlyDataBytes: 3, allowHalfOpen: true });
    expect(seen.flowing).not.toBe(true);
  });

  it('keeps what is half closed open, with early data and without', async () => {
    for (const earlyData of ['', 'early,']) {
      const { socket } = await open('echo', { earlyData, allowHalfOpen: true });
      socket.end('late');
      expect(String(await readAll(socket))).toBe(`${earlyData}late`);
    }
  });

  it('delivers early data of any size first and in order', async () => {
    for (const size of [1, 16_384, 16_385, 300_000]) {
      const early = Buffer.alloc(size, 'abcdefghijklmnopqrstuvwxyz');
      const { socket } = await open('echo', { earlyData: early, allowHalfOpen: true });
      socket.end('!');
      expect((await readAll(socket)).equals(Buffer.concat([early, Buffer.from('!')]))).toBe(true);
    }
  });

  it('serves HTTP, the request in the early data or after it', async () => {
    const early = await open('http', {
      earlyData: 'GET /early HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
    });
    expect(String(await readAll(early.socket))).toMatch(/GET \/early 0$/);
    const split = await open('http', {
      earlyData: 'POST /split HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-le',
    });
    split.socket.write('ngth: 5\r\n\r\nhello');
    expect(String(await readAll(split.socket))).toMatch(/POST \/split 5$/);
    const late = await open('http');
    const body = await new Promise<string>((resolve, reject) => {
      const call = request(
        { createConnection: () => late.socket, path: '/late', method: 'PUT' },
        (response) => {
          response.setEncoding('utf8').on('data', resolve);
        },
      );
      call.on('error', reject);
      call.end('x'.repeat(100_000));
    });
    expect(body).toBe('PUT /late 100000');
    late.socket.destroy();
  });

  it('answers one request after another', async () => {
    const { socket } = await open('echo', { earlyData: 'one' });
    socket.write('two');
    expect(String(await readBytes(socket, 6))).toBe('onetwo');
    socket.write('three');
    expect(String(await readBytes(socket, 5))).toBe('three');
    socket.destroy();
  });

  it('is closed when the backend throws at it', async () => {
    const { socket } = await open('throw', { earlyData: 'x' });
    await expect(readAll(socket)).rejects.toMatchObject({
      name: 'HandoffClientError',
      code: 'connectionLost',
    });
    const silent = await open('throw', { earlyData: 'x', expectsReply: false });
    expect(String(await readAll(silent.socket))).toBe('');
  });

  it('works for a client written only from docs/protocol.md', async () => {
    const received: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      const client = new IndependentClient({
        socketPath: broker.socketPath,
        service: 'echo',
        handoff,
        earlyData: Buffer.from('a'),
        onData: (bytes) => {
          received.push(bytes);
          if (Buffer.concat(received).length === 3) client.end();
        },
        onEnd: () => {
          expect(client.route).toBe(route);
          client.close();
          resolve();
        },
        onError: reject,
      });
      client.write(Buffer.from('b'));
      client.write(Buffer.from('c'));
    });
    expect(String(Buffer.concat(received))).toBe('abc');
  });

  it('leaks no descriptor, however many connections there were', async () => {
    for (let i = 0; i < 10; i += 1) {
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          const { socket } = await open('echo', { earlyData: 'x', allowHalfOpen: true });
          socket.end();
          expect(String(await readAll(socket))).toBe('x');
        }),
      );
    }
    await eventually('no more descriptors to be open than before', () => openFds() <= fdsBefore);
  });
});
