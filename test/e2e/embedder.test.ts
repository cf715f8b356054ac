import { once } from 'node:events';
import type { BrokerOptions, BrokerWarning } from '../../src/broker';
import { eventually } from '../support/eventually';
import { requirePid } from '../support/requirePid';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { dial } from './support/echo';
import { socketsOf } from './support/openFds';
import { readBytes } from './support/readAll';
import { fixtureService } from './support/TestBrokers';

describe('an embedder that makes a mistake', () => {
  const brokers = brokersOfEachTest();

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
  ])('%s: the client reconnects, and the broker warns', async (_, options) => {
    const broker = await brokers.start(options);
    const warned = once(broker, 'warning') as Promise<[BrokerWarning]>;
    const { socket, route, reason } = await dial(broker, { earlyData: 'hi' });
    expect({ route, reason }).toEqual({ route: 'reconnected', reason: 'checkFailed' });
    expect(String(await readBytes(socket, 2))).toBe('hi');
    socket.destroy();
    expect((await warned)[0]).toMatchObject({ code: 'checkFailed' });
  });
});

describe('a backend without an error listener', () => {
  const brokers = brokersOfEachTest();

  it('outlives clients that leave in the middle', async () => {
    const broker = await brokers.start({ services: [fixtureService('careless')] });
    const exits: unknown[] = [];
    broker.on('backendExit', (event) => exits.push(event));
    const pid = requirePid(broker.backends()[0]?.pid);
    const socketsBefore = socketsOf(pid);
    for (let n = 0; n < 10; n++) {
      const { socket } = await dial(broker, { earlyData: 'hi' });
      socket.write(Buffer.alloc(1_000_000));
      await readBytes(socket, 2);
      socket.destroy();
    }
    // It has met the end of each of them.
    await eventually('the backend to have closed them', () => socketsOf(pid) <= socketsBefore);
    const { socket } = await dial(broker, { earlyData: 'hi' });
    expect(String(await readBytes(socket, 2))).toBe('hi');
    socket.destroy();
    expect(exits).toEqual([]);
    expect(broker.backends()).toMatchObject([{ pid }]);
  });
});
