import { connect as connectTo, type Socket } from 'node:net';
import { connect } from '../../src/client';
import { BrokerProcess } from './support/BrokerProcess';
import { readBytes } from './support/readAll';
import { fixtureService, TestBrokers } from './support/TestBrokers';

/** Resolves to what became of a connect: `connected`, or the error's code. */
function knock(path: string): Promise<{ socket: Socket; became: string }> {
  return new Promise((resolve) => {
    const socket = connectTo({ path });
    socket.once('connect', () => resolve({ socket, became: 'connected' }));
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve({ socket, became: code ?? '' }));
  });
}

describe('many connects at once', () => {
  const brokers = new TestBrokers();

  afterEach(async () => expect(await brokers.stop()).toEqual([]));

  it('wait for a busy broker up to the backlog; a client that finds it full retries', async () => {
    const socketPath = brokers.path('broker.sock');
    const { broker, backends } = await BrokerProcess.start({
      socketPath,
      services: [fixtureService()],
      backlog: 10,
      startTimeoutMs: 60_000,
    });
    for (const backend of backends) brokers.watch(backend);
    try {
      broker.child.kill('SIGSTOP');
      const knocks = await Promise.all(Array.from({ length: 20 }, () => knock(socketPath)));
      const became = knocks.map((each) => each.became);
      // Linux lets one more in than it was told.
      expect(became.filter((each) => each === 'connected')).toHaveLength(11);
      expect(became.filter((each) => each === 'EAGAIN')).toHaveLength(9);
      const client = connect({ socketPath, service: 'echo', earlyData: 'hi', connectTimeoutMs: 60_000 });
      for (const { socket } of knocks) socket.destroy();
      broker.child.kill('SIGCONT');
      const { socket } = await client;
      expect(String(await readBytes(socket, 2))).toBe('hi');
      socket.destroy();
    } finally {
      broker.child.kill('SIGCONT');
      const ended = new Promise((resolve) => broker.child.once('exit', resolve));
      broker.child.send('stop', () => broker.child.disconnect());
      await ended;
    }
  });
});
