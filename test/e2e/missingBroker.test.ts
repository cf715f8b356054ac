import { RecentMap } from '../../src/client/RecentMap';
import { dial, echoBy } from './support/echo';
import { TestBrokers } from './support/TestBrokers';

describe('a client whose broker is missing', () => {
  const brokers = new TestBrokers();
  afterEach(() => brokers.stop());

  it('waits for one that it has reached before, longer than for one that it never reached', async () => {
    const socketPath = brokers.path('broker.sock');
    await brokers.start({ socketPath });
    await echoBy({ socketPath });
    await brokers.stopBrokers();

    let isOver = false;
    const waiting = echoBy({ socketPath }).finally(() => {
      isOver = true;
    });
    waiting.catch(() => {});
    // Begins after the other, and gives up before it.
    await expect(dial({ socketPath: brokers.path('never.sock') })).rejects.toMatchObject({
      code: 'brokerUnavailable',
    });
    expect(isOver).toBe(false);
    await brokers.start({ socketPath });
    await expect(waiting).resolves.toMatchObject({ route: expect.any(String) });
  });

  it('waits as long as it is told to, whatever it has reached', async () => {
    const socketPath = brokers.path('broker.sock');
    await brokers.start({ socketPath });
    await echoBy({ socketPath });
    await brokers.stopBrokers();
    await expect(dial({ socketPath }, { brokerWaitMs: 0 })).rejects.toMatchObject({
      code: 'brokerUnavailable',
    });
  });

  it('remembers the brokers that it has reached last', () => {
    const reached = new RecentMap<true>(2);
    for (const path of ['/a', '/b', '/a', '/c']) reached.set(path, true);
    expect(['/a', '/b', '/c'].map((path) => reached.get(path) === true)).toEqual([true, false, true]);
  });
});
