import {
  type Broker,
  createNodeIpcTransport,
  createScmRightsTransport,
  type HandoffTransport,
} from '../../src/broker';
import { connect } from '../../src/client';
import { eventually } from '../support/eventually';
import { requirePid } from '../support/requirePid';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { changeChannel } from './support/changeChannel';
import { fixtureService, isAlive } from './support/TestBrokers';

/** Blocks this process, and the broker in it, until another one has ended. */
function blockUntilEnded(pid: number): void {
  const deadline = performance.now() + 60_000;
  // Jest's own timeout can't fire meanwhile.
  while (isAlive(pid)) if (performance.now() > deadline) throw new Error(`process ${pid} doesn't end`);
}

describe('the last messages of a backend count, even if a busy broker reads them after its end', () => {
  const brokers = brokersOfEachTest();

  async function start(transport: HandoffTransport, mode = 'lastWords'): Promise<Broker> {
    const broker = await brokers.start({
      transport,
      services: [fixtureService(mode, { marker: brokers.path('marker') })],
    });
    return broker;
  }

  /** Undefined: the connection was lost, since the backend had ended. */
  async function routeOf({ socketPath }: Broker): Promise<string | undefined> {
    try {
      const { socket, route } = await connect({
        socketPath,
        service: 'echo',
        earlyData: 'x',
        connectTimeoutMs: 60_000,
      });
      socket.on('error', () => {});
      socket.destroy();
      return route;
    } catch (error) {
      expect(error).toMatchObject({ code: 'connectionLost' });
      return undefined;
    }
  }

  const isSettled = (broker: Broker) =>
    eventually('nothing to be in flight', () => broker.backends().every(({ inFlight }) => inFlight === 0));

  it.each([
    ['the channel for handles', createScmRightsTransport],
    ['the channel of Node', createNodeIpcTransport],
  ])('an acknowledgement over %s', async (_, create) => {
    const broker = await start(create());
    const pid = requirePid(broker.backends()[0]?.pid);
    const states: string[] = [];
    broker.on('transfer', ({ state }) => {
      states.push(state);
      // When the handle is on its way.
      if (state === 'sent' && states.length < 4) process.nextTick(blockUntilEnded, pid);
    });
    await routeOf(broker);
    await isSettled(broker);
    expect(states).toEqual(['issued', 'announced', 'sent', 'acknowledged']);
    expect(broker.stats()).toMatchObject({ handedOff: 1, reconnected: {}, unknownAcks: 0 });
    expect(broker.backends()[0]?.window).toBeUndefined();
  });

  it('an acknowledgement, even if more data was to be written to the ended process', async () => {
    const held: (() => void)[] = [];
    let pid = 0;
    const broker = await start(
      changeChannel(createScmRightsTransport(), (channel, { child }) => ({
        send(...args) {
          if (child?.pid !== pid) return channel.send(...args);
          held.push(() => channel.send(...args));
          if (held.length < 2) return;
          // The first of them is written at once, the second when the broker comes back to its loop.
          for (const send of held) send();
          blockUntilEnded(pid);
        },
      })),
    );
    pid = requirePid(broker.backends()[0]?.pid);
    const routes = await Promise.all([routeOf(broker), routeOf(broker)]);
    await isSettled(broker);
    expect(routes.filter((route) => route !== 'reconnected').length).toBeGreaterThanOrEqual(1);
    expect(broker.stats().reconnected).toEqual({ backendAckTimeout: 1 });
    // The one that was acknowledged, and the other by the next process.
    expect(broker.stats().handedOff).toBe(2);
  });
});
