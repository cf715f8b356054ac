import type { BackendStatus, Broker, BrokerOptions } from '../../src/broker';
import { eventually } from '../support/eventually';
import { requirePid } from '../support/requirePid';
import { dial, echoBy } from './support/echo';
import { ended, fixtureService, isAlive, signal, TestBrokers } from './support/TestBrokers';

const REPLICAS = 4;
const SERVICE = fixtureService('echo', { replicas: REPLICAS });

describe('a service with several processes', () => {
  const brokers = new TestBrokers();
  afterEach(async () => expect(await brokers.stop()).toEqual([]));

  const names = (broker: Broker): (number | undefined)[] =>
    broker.backends().map(({ backend }) => backend.replica);
  const handedOff = (broker: Broker): number[] => broker.backends().map(({ routes }) => routes.handedOff);
  const pids = (broker: Broker): (number | undefined)[] => broker.backends().map(({ pid }) => pid);
  const settled = (broker: Broker, count: number): Promise<unknown> =>
    eventually('every connection to be counted', () => broker.stats().handedOff === count);

  it('has a key, a chart and counts for each', async () => {
    const broker = await brokers.start({ services: [SERVICE] });
    expect(names(broker)).toEqual([undefined, 2, 3, 4]);
    expect(new Set(pids(broker)).size).toBe(REPLICAS);
    expect([...broker.controller.backends()].map((key) => (key as BackendStatus['backend']).replica)).toEqual(
      [undefined, 2, 3, 4],
    );
  });

  it('spreads the connections of one client evenly, and nearly all without an announcement', async () => {
    const broker = await brokers.start({ services: [SERVICE] });
    let announced = 0;
    broker.on('transfer', ({ state }) => {
      if (state === 'announced') announced += 1;
    });
    for (let i = 0; i < 1_000; i += 1) {
      expect(await echoBy(broker)).toMatchObject({ route: 'handedOff' });
    }
    await settled(broker, 1_000);
    expect(announced).toBeGreaterThan(0);
    expect(announced).toBeLessThan(100);
    for (const count of handedOff(broker)) expect(Math.abs(count - 250)).toBeLessThanOrEqual(25);
  });

  it('sends clients that know no process to the one with the fewest open connections', async () => {
    const broker = await brokers.start({ services: [SERVICE] });
    const replicaOf = new Map<string, number | undefined>();
    broker.on('route', ({ connectionId, backend }) => replicaOf.set(connectionId, backend.replica));
    const openMore = (count: number) =>
      Promise.all(Array.from({ length: count }, () => dial(broker, { handoff: false, earlyData: 'x' })));
    const isOpen = (each: number): boolean =>
      broker.backends().every(({ openConnections }) => openConnections === each);
    const open = await openMore(4 * REPLICAS);
    await eventually('four at each process', () => isOpen(4) && replicaOf.size === open.length);

    // What is closed at one makes room there, and nowhere else.
    const ofSecond = open.filter(({ connectionId }) => replicaOf.get(connectionId) === 2);
    expect(ofSecond).toHaveLength(4);
    for (const { socket } of ofSecond.slice(1)) socket.destroy();
    await eventually('the ends to be reported', () => broker.backends()[1]?.openConnections === 1);
    open.push(...(await openMore(3)));
    await eventually('four at each process again', () => isOpen(4));

    for (const { socket } of open) socket.destroy();
    await eventually('all ends to be reported', () => isOpen(0));
    expect(broker.backends().map(({ routes }) => routes.reconnected)).toEqual([
      { clientUnsupported: 4 },
      { clientUnsupported: 7 },
      { clientUnsupported: 4 },
      { clientUnsupported: 4 },
    ]);
  });

  it('goes on with the others when one has ended', async () => {
    const broker = await brokers.start({ services: [SERVICE] });
    const second = requirePid(pids(broker)[1]);
    signal(second, 'SIGKILL');
    for (let i = 0; i < 40; i += 1) await echoBy(broker);
    await eventually('every connection to be counted', () =>
      broker.backends().every(({ inFlight }) => inFlight === 0),
    );
    const [first = 0, , third = 0, fourth = 0] = handedOff(broker);
    expect(Math.min(first, third, fourth)).toBeGreaterThan(0);
    await eventually('another process in its place', () => {
      const [, now] = broker.backends();
      return now?.process === 'ready' && now.pid !== second;
    });
    expect(names(broker)).toEqual([undefined, 2, 3, 4]);
  });

  it('can be made larger and smaller by a reload', async () => {
    const options: BrokerOptions = { socketPath: brokers.path('broker.sock'), services: [SERVICE] };
    const broker = await brokers.start(options);
    const before = pids(broker);
    const withReplicas = (replicas: number): BrokerOptions => ({
      ...options,
      services: [{ ...SERVICE, replicas }],
    });
    expect(await broker.reload(withReplicas(5))).toEqual({ added: ['echo@1.0.0#5'], removed: [] });
    expect(names(broker)).toEqual([undefined, 2, 3, 4, 5]);
    expect(pids(broker).slice(0, 4)).toEqual(before);
    expect(await broker.reload(withReplicas(2))).toEqual({
      added: [],
      removed: ['echo@1.0.0#3', 'echo@1.0.0#4', 'echo@1.0.0#5'],
    });
    await eventually('the others to be gone', () => broker.backends().length === 2);
    expect(pids(broker)).toEqual(before.slice(0, 2));
  });

  it('is adopted as it was, each process in its place', async () => {
    const options: BrokerOptions = {
      socketPath: brokers.path('broker.sock'),
      stateDirectory: brokers.path('state'),
      services: [SERVICE],
    };
    const { broker: killed, backends } = await brokers.startProcess(options);
    await killed.kill();
    const broker = await brokers.start(options);
    const places = (all: readonly { replica?: number | undefined; pid?: number | undefined }[]): string[] =>
      all.map(({ replica = 1, pid }) => `${replica} ${pid}`).sort();
    expect(backends.every(({ pid }) => isAlive(pid))).toBe(true);
    expect(places(broker.backends().map(({ backend, pid }) => ({ replica: backend.replica, pid })))).toEqual(
      places(backends),
    );
    await eventually('each to be handed to again', () => broker.backends().every(({ adopted }) => !adopted));
    await broker.stop();
    await Promise.all(backends.map(({ pid }) => ended(pid)));
  });
});

describe('the number of replicas', () => {
  const brokers = new TestBrokers();
  afterEach(() => brokers.stop());

  it.each([0, 65, 1.5, -1])('is not %p', async (replicas) => {
    const start = brokers.start({ services: [fixtureService('echo', { replicas })] });
    await expect(start).rejects.toMatchObject({
      code: 'ERR_OUT_OF_RANGE',
      message: `services[0].replicas must be an integer from 1 to 64, but is ${replicas}`,
    });
  });
});
