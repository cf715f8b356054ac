import { once } from 'node:events';
import { connect, HandoffClientError } from '../../src/client';
import { report } from '../support/report';
import { TestBrokers } from './support/TestBrokers';

// Longer than any load takes: a connect without a result by then would wait for ever.
const CONNECT_TIMEOUT_MS = 200_000;

describe('connects from one process, all at once', () => {
  const brokers = new TestBrokers();

  afterEach(async () => expect(await brokers.stop()).toEqual([]));

  async function echo(socketPath: string): Promise<string> {
    const { socket, route } = await connect({
      socketPath,
      service: 'echo',
      earlyData: 'hello',
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    });
    try {
      const [reply] = await once(socket, 'data');
      expect(String(reply)).toBe('hello');
      return route;
    } finally {
      socket.destroy();
    }
  }

  // With the short queue nearly each connect is refused and repeated, so fewer keep the machine as busy.
  it.each([
    [5_000, undefined],
    [1_000, 64],
  ])('%d are all served, with a backlog of %p', async (connects, backlog) => {
    const broker = await brokers.start({ backlog });
    const ends = await Promise.allSettled(Array.from({ length: connects }, () => echo(broker.socketPath)));
    const counts = new Map<string, number>();
    for (const end of ends) {
      const how =
        end.status === 'fulfilled'
          ? end.value
          : end.reason instanceof HandoffClientError
            ? `${end.reason.code}: ${end.reason.message}`
            : String(end.reason);
      counts.set(how, (counts.get(how) ?? 0) + 1);
    }
    report(`${connects} connects at once, backlog ${backlog ?? 'default'}: ${JSON.stringify([...counts])}`);
    expect([...counts.keys()].filter((how) => how !== 'handedOff' && how !== 'reconnected')).toEqual([]);
  });
});
