import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Broker } from '../../src/broker';
import { connect } from '../../src/client';
import { report } from '../support/report';
import { eventually } from './support/eventually';
import { openFds } from './support/openFds';
import { readAll } from './support/readAll';
import { TestBrokers } from './support/TestBrokers';

const HEALTHY = 100;
const CONCURRENCY = 8;
const REGISTER = require.resolve('ts-node/register/transpile-only');

/** What a hostile peer does to the broker's socket. */
const ATTACKS = ['idle', 'slow', 'halfOpen', 'flood'];

describe('clients that behave are all served meanwhile', () => {
  let brokers: TestBrokers;
  let fdsBefore: number;

  beforeEach(() => {
    fdsBefore = openFds();
    brokers = new TestBrokers();
  });
  afterEach(async () => {
    expect(await brokers.stop()).toEqual([]);
    await eventually(() => openFds() <= fdsBefore);
  });

  async function serveHealthy(broker: Broker): Promise<Record<string, number>> {
    const routes: Record<string, number> = {};
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < HEALTHY) {
        const text = `healthy ${next}`;
        next += 1;
        const { socket, route } = await connect({
          socketPath: broker.socketPath,
          service: 'echo',
          earlyData: text,
          allowHalfOpen: true,
          // Every other one takes the way through the endpoint.
          handoff: next % 2 === 0,
          connectTimeoutMs: 60_000,
        });
        socket.end();
        expect(String(await readAll(socket))).toBe(text);
        routes[route] = (routes[route] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
    return routes;
  }

  async function attack(kind: string, path: string) {
    const attacker = spawn(
      process.execPath,
      ['-r', REGISTER, join(__dirname, '../fixtures/clients/hostileClient.ts'), kind, path],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    );
    // It is at it.
    await once(attacker, 'message');
    return async () => {
      attacker.kill('SIGKILL');
      await once(attacker, 'exit');
    };
  }

  it.each(ATTACKS)('%s, at the broker, of which all places are taken', async (kind) => {
    const broker = await brokers.start({ maxConnections: 32 });
    const end = await attack(kind, broker.socketPath);
    const routes = await serveHealthy(broker);
    const stats = broker.stats();
    await end();
    report(
      `${kind} at the broker: ${HEALTHY} healthy clients served ${JSON.stringify(routes)}, ` +
        `${stats.connections} connections, errors ${JSON.stringify(stats.errors)}`,
    );
    expect(stats.connections).toBeGreaterThan(HEALTHY);
    expect(Object.values(routes).reduce((sum, count) => sum + count, 0)).toBe(HEALTHY);
    expect(broker.backends()[0]).toMatchObject({ process: 'ready', inFlight: 0 });
  });
});
