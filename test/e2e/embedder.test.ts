import { once } from 'node:events';
import type { BrokerOptions, BrokerWarning } from '../../src/broker';
import { connect } from '../../src/client';
import { readBytes } from './support/readAll';
import { fixtureService, TestBrokers } from './support/TestBrokers';

describe('an embedder that makes a mistake', () => {
  let brokers: TestBrokers;

  beforeEach(() => {
    brokers = new TestBrokers();
  });

  afterEach(async () => {
    expect(await brokers.stop()).toEqual([]);
  });

  it.each<[string, Partial<BrokerOptions>]>([
    [
      'adjustInputs throws',
      {
        adjustInputs: () => {
          throw new Error('mine');
        },
      },
    ],
    ['adjustInputs gives nothing', { adjustInputs: () => undefined as never }],
    [
      'fdPressure throws',
      {
        fdPressure: () => {
          throw new Error('mine');
        },
      },
    ],
  ])('%s: the client reconnects, and the embedder is told', async (_, options) => {
    const broker = await brokers.start(options);
    const warned = once(broker, 'warning') as Promise<[BrokerWarning]>;
    const { socket, route, reason } = await connect({
      socketPath: broker.socketPath,
      service: 'echo',
      earlyData: 'hi',
    });
    expect({ route, reason }).toEqual({ route: 'reconnected', reason: 'servicePolicyDisabled' });
    expect(String(await readBytes(socket, 2))).toBe('hi');
    socket.destroy();
    expect((await warned)[0]).toMatchObject({ code: 'checkFailed' });
  });
});

describe('a backend that listens for no error', () => {
  it('outlives clients that leave in the middle', async () => {
    const brokers = new TestBrokers();
    const broker = await brokers.start({ services: [fixtureService('careless')] });
    const exits: unknown[] = [];
    broker.on('backendExit', (event) => exits.push(event));
    for (let n = 0; n < 10; n++) {
      const { socket } = await connect({ socketPath: broker.socketPath, service: 'echo', earlyData: 'hi' });
      socket.write(Buffer.alloc(1_000_000));
      await readBytes(socket, 2);
      socket.destroy();
    }
    const { socket } = await connect({ socketPath: broker.socketPath, service: 'echo', earlyData: 'hi' });
    expect(String(await readBytes(socket, 2))).toBe('hi');
    socket.destroy();
    expect(exits).toEqual([]);
    expect(await brokers.stop()).toEqual([]);
  });
});
