import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createNodeIpcTransport } from '../../src/broker';
import { compiled } from '../support/compiled';
import { eventually } from '../support/eventually';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { openFds } from './support/openFds';
import { fixtureService, isAlive, signal } from './support/TestBrokers';

describe('a backend that ends while another program keeps its channel open', () => {
  const brokers = brokersOfEachTest();

  it('leaves no descriptor of the broker open', async () => {
    const marker = brokers.path('marker');
    const startFile = brokers.path('start');
    writeFileSync(startFile, '');
    const module = compiled('test/fixtures/backends/ledBackend.ts');
    const before = openFds();
    const broker = await brokers.start({
      transport: createNodeIpcTransport(),
      services: [fixtureService('', { module, env: { MARKER: marker, START_FILE: startFile } })],
    });
    const pid = broker.backends()[0]?.pid ?? Number.NaN;
    signal(pid, 'SIGHUP');
    const keeper = await eventually('the program that keeps its channel', () =>
      Number(readFileSync(`${marker}-${pid}-keeper`, 'utf8')),
    );
    brokers.pids.add(keeper);
    brokers.atEnd(() => signal(keeper, 'SIGKILL'));
    const exited = once(broker, 'backendExit');
    signal(pid, 'SIGKILL');
    expect(await exited).toMatchObject([{ pid, signal: 'SIGKILL' }]);
    await broker.stop();
    expect(isAlive(keeper)).toBe(true);
    await eventually('its channel to be closed', () => openFds() <= before);
  });
});
