import type { BackendExitEvent } from '../../src/broker';
import { compiled } from '../support/compiled';
import { eventually } from '../support/eventually';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { fixtureService, signal } from './support/TestBrokers';

describe('a backend that is asked to stop before it listens', () => {
  const brokers = brokersOfEachTest();

  it('is ended by SIGTERM: there is no channel to ask on', async () => {
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
    await broker.stop();
    expect(exits.find((exit) => exit.pid === pid)).toMatchObject({ code: null, signal: 'SIGTERM' });
  });
});
