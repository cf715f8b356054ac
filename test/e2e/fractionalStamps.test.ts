import { randomBytes } from 'node:crypto';
import { connect as connectSocket } from 'node:net';
import type { AdoptableBackend, Broker } from '../../src/broker';
import { rawFrame, rawHello, takeFrames } from './independentClient';
import { fixtureService, TestBrokers } from './support/TestBrokers';

const TIMES = 100;

/** The machine's clock as a client in another language reads it: to the nanosecond. */
function exactNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

describe('a stamp', () => {
  let brokers: TestBrokers;
  let broker: Broker;
  let backend: AdoptableBackend;

  beforeAll(async () => {
    brokers = new TestBrokers();
    broker = await brokers.start({ services: [fixtureService('info')] });
    const [first] = broker.adoptableBackends();
    if (first === undefined) throw new Error('no backend');
    backend = first;
  });
  afterAll(async () => expect(await brokers.stop()).toEqual([]));

  /** The type of the first frame that comes, with the code of an error. */
  function firstFrame(path: string, bytes: () => Buffer): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connectSocket({ path });
      let received = Buffer.alloc(0);
      socket.on('error', reject);
      socket.on('end', () => reject(new Error('ended')));
      // As late as can be: the younger the stamp, the sooner it's of the future.
      socket.once('connect', () => socket.write(bytes()));
      socket.on('data', (chunk) => {
        received = Buffer.concat([received, chunk]);
        const [frame] = takeFrames(received).frames;
        if (frame === undefined) return;
        socket.destroy();
        resolve([frame.type, frame.fields.code].filter((word) => word !== undefined).join(' '));
      });
    });
  }

  describe.each<[string, (ms: number) => number]>([
    ['as the clock has it', (ms) => ms],
    ['rounded down', Math.floor],
    ['rounded', Math.round],
    ['rounded up', Math.ceil],
  ])('%s', (_, round) => {
    const knowing = (aheadMs = 0): Buffer =>
      rawHello({ knows: { backend: backend.backend, stamp: round(exactNow() + aheadMs) } });
    const attach = (aheadMs = 0): Buffer =>
      rawFrame(5, {
        id: randomBytes(16).toString('hex'),
        backend: backend.backend,
        stamp: round(exactNow() + aheadMs),
      });

    it('is recent for a broker', async () => {
      for (let i = 0; i < TIMES; i += 1)
        expect(await firstFrame(broker.socketPath, knowing)).not.toMatch(/error|reconnect/);
    });

    it('is recent for a backend', async () => {
      for (let i = 0; i < TIMES; i += 1) expect(await firstFrame(backend.endpoint, attach)).toBe('ready');
    });

    it('is of the future if it is later than that', async () => {
      expect(await firstFrame(broker.socketPath, () => knowing(60_000))).toBe('error staleBackend');
      expect(await firstFrame(backend.endpoint, () => attach(60_000))).toBe('error expired');
    });
  });
});
