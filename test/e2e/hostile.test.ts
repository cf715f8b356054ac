import { connect as connectSocket } from 'node:net';
import type { Broker } from '../../src/broker';
import { report } from '../support/report';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { dial, settled } from './support/echo';
import { BACKEND_ATTACKS, BROKER_ATTACKS, HostilePeers } from './support/HostilePeers';
import { readAll } from './support/readAll';
import { fixtureService } from './support/TestBrokers';

const HEALTHY = 100;
const CONCURRENCY = 8;

describe('healthy clients are all served during attacks', () => {
  let peers: HostilePeers | undefined;
  afterEach(() => peers?.stop());
  const brokers = brokersOfEachTest();

  async function serveHealthy(broker: Broker): Promise<Record<string, number>> {
    const routes: Record<string, number> = {};
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < HEALTHY) {
        const text = `healthy ${next}`;
        next += 1;
        const { socket, route } = await dial(broker, {
          earlyData: text,
          allowHalfOpen: true,
          // Every other one takes the way through the endpoint.
          handoff: next % 2 === 0,
        });
        socket.end();
        expect(String(await readAll(socket))).toBe(text);
        routes[route] = (routes[route] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
    return routes;
  }

  it.each(BROKER_ATTACKS)('%s, at the broker, taking all its places', async (attack) => {
    const broker = await brokers.start({ maxConnections: 32, helloTimeoutMs: 5000 });
    peers = await HostilePeers.start(attack, broker.socketPath);
    const routes = await serveHealthy(broker);
    const { connections, errors } = broker.stats();
    report(
      `${attack} at the broker: ${HEALTHY} healthy clients served ${JSON.stringify(routes)}, ` +
        `${connections} connections, errors ${JSON.stringify(errors)}`,
    );
    expect(connections).toBeGreaterThan(HEALTHY);
    expect(Object.values(routes).reduce((sum, count) => sum + count, 0)).toBe(HEALTHY);
    await peers.stop();
    await settled(broker);
    expect(broker.backends()[0]).toMatchObject({ process: 'ready' });
  });

  it.each(BACKEND_ATTACKS)('%s, at a backend, taking all its places', async (attack) => {
    const broker = await brokers.start({ services: [fixtureService('fewVisitors')] });
    const [{ backend, endpoint } = { backend: '', endpoint: '' }] = broker.adoptableBackends();
    peers = await HostilePeers.start(attack, endpoint, backend);
    const routes = await serveHealthy(broker);
    report(`${attack} at a backend: ${HEALTHY} healthy clients served ${JSON.stringify(routes)}`);
    expect(Object.values(routes).reduce((sum, count) => sum + count, 0)).toBe(HEALTHY);
    expect(broker.backends()[0]).toMatchObject({ process: 'ready', adopted: false });
  });

  it('reads a bounded amount from a client that never stops sending', async () => {
    const broker = await brokers.start();
    const socket = connectSocket({ path: broker.socketPath, allowHalfOpen: true });
    socket.on('error', () => {});
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const chunk = Buffer.alloc(65_536, 'x');
    let taken = 0;
    const writeOn = (error?: Error | null): void => {
      if (error) return;
      taken += chunk.length;
      socket.write(chunk, writeOn);
    };
    socket.write(chunk, writeOn);
    await closed;
    expect(broker.stats().errors).toEqual({ badFrame: 1 });
    // What is dropped, and the kernel's buffer.
    expect(taken).toBeLessThan(2_000_000);
  });
});
