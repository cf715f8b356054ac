import { createActor, createMachine, type InspectionEvent, type Observer } from 'xstate';
import { createInspectionRelay, type InspectionSource } from '../../src/inspect';
import { eventually } from '../support/eventually';
import { expectNoUnhandled } from '../support/expectNoUnhandled';
import { Watcher } from './support/Watcher';

const mine = async (): Promise<never> => {
  throw new Error('mine');
};

describe('a source whose methods reject', () => {
  expectNoUnhandled();

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
  /** An actor whose snapshot can't be read, and a child that is none. */
  const unreadable = {
    sessionId: 'unreadable',
    id: 'unreadable',
    getSnapshot: () => ({
      children: { text: 'x' },
      get status(): string {
        throw new Error('mine');
      },
    }),
  };
  const tellingOfUnreadable = (observer: Observer<InspectionEvent>): unknown => {
    tellOf(observer);
    const base = { actorRef: unreadable, rootId: actor.sessionId } as unknown as InspectionEvent;
    observer.next?.({ ...base, type: '@xstate.actor' } as InspectionEvent);
    observer.next?.({
      ...base,
      type: '@xstate.event',
      event: { type: 'x' },
      sourceRef: undefined,
    } as InspectionEvent);
    return { unsubscribe: () => {} };
  };

  it.each<[string, object]>([
    ['inspect', { inspect: inspecting(mine) }],
    ['unsubscribe', { inspect: inspecting(() => ({ unsubscribe: mine })) }],
    ['delaysOf', { inspect: inspecting(subscription), delaysOf: mine }],
    ['an actor of it, which throws when it is read', { inspect: tellingOfUnreadable }],
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

  it('inspect, which throws: what it told of before is gone with it', async () => {
    const relay = await createInspectionRelay();
    try {
      const inspect = inspecting(() => {
        throw new Error('mine');
      });
      relay.attach({ inspect } as InspectionSource);
      await (await Watcher.watch(relay.url)).close();
      await eventually('the watcher to be gone', () => relay.connections() === 0);
      const other = createActor(chart, { inspect: relay.inspect }).start();
      const watcher = await Watcher.watch(relay.url);
      await watcher.find('@xstate.actor', ({ sessionId }) => sessionId === other.sessionId);
      expect(watcher.messages.filter((each) => each.type === '@xstate.actor')).toHaveLength(1);
      await watcher.close();
      other.stop();
    } finally {
      await relay.close();
    }
  });
});
