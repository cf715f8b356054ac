import { eventually } from '../../support/eventually';
import { openFds } from './openFds';
import { TestBrokers } from './TestBrokers';

/** For the tests of the `describe` that calls it: after each of them nothing may be left of its brokers, no descriptor either. */
export function brokersOfEachTest(): TestBrokers {
  const brokers = new TestBrokers();
  let fdsBefore = 0;
  beforeEach(() => {
    fdsBefore = openFds();
  });
  afterEach(async () => {
    expect(await brokers.stop()).toEqual([]);
    await eventually('no more descriptors to be open than before', () => openFds() <= fdsBefore);
  });
  return brokers;
}
