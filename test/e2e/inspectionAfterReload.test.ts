import { eventually } from '../support/eventually';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { fixtureService, signal } from './support/TestBrokers';

describe('an observer of the charts', () => {
  const brokers = brokersOfEachTest();

  it('sees processes that start after a reload without the inspect option', async () => {
    const told = new Set<string>();
    const options = { socketPath: brokers.path('broker.sock'), services: [fixtureService()] };
    const broker = await brokers.start({
      ...options,
      inspect: ({ actorRef }) => void ('id' in actorRef && told.add(String(actorRef.id))),
    });
    await broker.reload(options);
    const [before] = broker.backends();
    signal(before?.pid ?? Number.NaN, 'SIGKILL');
    const after = await eventually('the next process', () =>
      broker.backends().find(({ process, pid }) => process === 'ready' && pid !== before?.pid),
    );
    expect([...told]).toContain(`echo@1.0.0 pid ${after.pid}`);
  });
});
