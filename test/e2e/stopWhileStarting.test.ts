import { writeFileSync } from 'node:fs';
import type { BackendExitEvent } from '../../src/broker';
import { compiled } from '../support/compiled';
import { eventually } from '../support/eventually';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { fixtureService, signal } from './support/TestBrokers';

describe('a backend that is asked to stop before it listens', () => {
  const brokers = brokersOfEachTest();

  it('ends by itself as soon as it would listen', async () => {
    const startFile = brokers.path('start');
    const module = compiled('test/fixtures/backends/ledBackend.ts');
    const env = { MARKER: brokers.path('marker'), START_FILE: startFile };
    const broker = await brokers.start({ services: [fixtureService('', { module, env })] });
    const exits: BackendExitEvent[] = [];
    broker.on('backendExit', (event) => exits.push(event));
    const before = broker.backends()[0]?.pid ?? Number.NaN;
    // The next one waits for the file.
    signal(before, 'SIGKILL');
    const pid = await eventually('the next process', () => {
      const [backend] = broker.backends();
      return backend?.process === 'starting' ? backend.pid : undefined;
    });
    brokers.pids.add(pid);
    const stopped = broker.stop();
    writeFileSync(startFile, '');
    await stopped;
    expect(exits.find((exit) => exit.pid === pid)).toMatchObject({ code: 0, signal: null });
  });
});
