import { eventually } from '../support/eventually';
import { fixtureService, TestBrokers } from './support/TestBrokers';

describe('a broker whose controller the embedder disposes of', () => {
  const brokers = new TestBrokers();

  afterEach(async () => expect(await brokers.stop()).toEqual([]));

  it('warns once that its state is no longer saved, and stops cleanly', async () => {
    const broker = await brokers.start({
      services: [fixtureService('echo')],
      stateDirectory: brokers.path('state'),
    });
    const warnings: string[] = [];
    broker.on('warning', ({ message }) => {
      if (message.includes('no longer saved')) warnings.push(message);
    });
    broker.controller.dispose();
    await eventually('the warning', () => warnings.length > 0);
    await broker.stop();
    expect(warnings).toHaveLength(1);
  });
});
