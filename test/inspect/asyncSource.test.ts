import { createActor, createMachine, type InspectionEvent, type Observer } from 'xstate';
import { createInspectionRelay, type InspectionSource } from '../../src/inspect';
import { eventually } from '../support/eventually';
import { Watcher } from './support/Watcher';

const mine = async (): Promise<never> => {
  throw new Error('mine');
};

describe('a source whose methods reject', () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (cause: unknown): void => void unhandled.push(cause);
  beforeEach(() => {
    unhandled.length = 0;
    process.on('unhandledRejection', onUnhandled);
  });
  afterEach(async () => {
    // Node tells of a rejection when the microtasks are done.
    await new Promise(setImmediate);
    process.off('unhandledRejection', onUnhandled);
    expect(unhandled).toEqual([]);
  });

  const chart = createMachine({ id: 'lamp', initial: 'off', states: { off: {} } });
  const actor = createActor(chart).start();
  const tellOf = (observer: Observer<InspectionEvent>): void => {
    const base = { actorRef: actor, rootId: actor.sessionId };
    observer.next?.({ ...base, type: '@xstate.actor' });
    const event = { type: 'xstate.init' };
    observer.next?.({ ...base, type: '@xstate.snapshot', event, snapshot: actor.getSnapshot() });
  };
  afterAll(() => actor.stop());

  const inspecting =
    (answer: () => unknown, junk?: unknown) =>
    (observer: Observer<InspectionEvent>): unknown => {
      tellOf(observer);
      if (junk !== undefined) observer.next?.(junk as InspectionEvent);
      return answer();
    };
  const subscription = () => ({ unsubscribe: () => {} });

  it.each<[string, object]>([
    ['inspect', { inspect: inspecting(mine) }],
    ['unsubscribe', { inspect: inspecting(() => ({ unsubscribe: mine })) }],
    ['delaysOf', { inspect: inspecting(subscription), delaysOf: mine }],
    ['onLeftOut, told of an event that is none', { inspect: inspecting(subscription, 'junk') }],
  ])('%s: what it told of is shown, and the relay goes on', async (_, source) => {
    const relay = await createInspectionRelay({ onLeftOut: mine as never });
    try {
      relay.attach(source as InspectionSource);
      for (let round = 0; round < 2; round += 1) {
        const watcher = await Watcher.watch(relay.url);
        await watcher.find('@xstate.actor', ({ sessionId }) => sessionId === actor.sessionId);
        await watcher.close();
        await eventually('the watcher to be gone', () => relay.connections() === 0);
      }
    } finally {
      await relay.close();
    }
  });
});
