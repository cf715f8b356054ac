import { assign, createActor, createMachine, fromCallback, fromPromise, fromTransition, setup } from 'xstate';
import { createInspectionRelay, type InspectionRelay } from '../../src/inspect';
import { InspectionStore } from '../../src/inspect/viewer/store/InspectionStore';
import { eventually } from '../support/eventually';
import { Watcher } from './support/Watcher';

describe('actors of this process', () => {
  let relay: InspectionRelay;
  let watcher: Watcher;
  const page = () => {
    const store = new InspectionStore();
    for (const message of watcher.messages) store.receive(message);
    return [...store.actors.values()];
  };
  const shown = (name: string) =>
    eventually(`${name} on the page`, () => page().find((each) => each.name === name));
  beforeEach(async () => {
    relay = await createInspectionRelay();
    watcher = await Watcher.watch(relay.url, '?batched');
    await watcher.find('@handoff.welcome');
  });
  afterEach(async () => {
    await watcher.close();
    await relay.close();
  });

  const nested = (depth: number): object =>
    depth === 0 ? {} : { initial: 'a', states: { a: nested(depth - 1) } };

  test('are shown with `inspect`, however deep their charts are, with the transitions they took', async () => {
    const machine = createMachine({ id: 'deep', on: { GO: { actions: () => {} } }, ...nested(30) } as never);
    createActor(machine, { inspect: relay.inspect }).start().send({ type: 'GO' });
    await eventually('its step', () => page()[0]?.latest?.transitions?.length === 1);
    const [actor] = page();
    expect(actor?.name).toBe('deep');
    expect(actor?.definition?.match(/"initial"/g)).toHaveLength(30);
    expect(actor?.definition).not.toContain('[…]');
  });

  test('have their input, events and output shown, without states', async () => {
    const { inspect } = relay;
    createActor(
      fromPromise(async () => 42),
      { inspect, id: 'promise', input: { of: 'it' } },
    ).start();
    createActor(
      fromCallback(() => {}),
      { inspect, id: 'callback', input: 7 },
    )
      .start()
      .send({ type: 'HEY' });
    createActor(
      fromTransition((n: number) => n + 1, 0),
      { inspect, id: 'store' },
    )
      .start()
      .send({ type: 'ADD' });
    await eventually('the output', () => page().find(({ name }) => name === 'promise')?.gone);
    const promise = await shown('promise');
    expect(promise.steps()[0]?.event).toEqual({ type: 'xstate.init', input: { of: 'it' } });
    expect(promise.latest?.snapshot).toMatchObject({ status: 'done', output: 42 });
    expect((await shown('callback')).latest).toMatchObject({
      event: { type: 'HEY' },
      snapshot: { input: 7 },
    });
    expect((await shown('store')).latest).toMatchObject({ event: { type: 'ADD' }, snapshot: { context: 1 } });
  });

  test('are shown as failed, with the error', async () => {
    const machine = setup({
      actors: {
        rejecting: fromPromise(() => Promise.reject(new RangeError('rejected'))),
        throwing: fromCallback(() => {
          throw new TypeError('thrown');
        }),
        later: createMachine({
          initial: 'x',
          states: {
            x: {
              after: {
                1: {
                  actions: () => {
                    throw new Error('later');
                  },
                },
              },
            },
          },
        }),
        born: createMachine({
          entry: () => {
            throw new Error('born');
          },
        }),
      },
    }).createMachine({
      id: 'parent',
      initial: 'a',
      states: { a: {} },
      invoke: [
        { src: 'rejecting', id: 'rejecting', onError: {} },
        { src: 'throwing', id: 'throwing', onError: {} },
        { src: 'later', id: 'later', onError: {} },
        { src: 'born', id: 'born', onError: {} },
      ],
    });
    const actor = createActor(machine, { inspect: relay.inspect }).start();
    const failures = () =>
      Object.fromEntries(page().flatMap(({ name, failure }) => (failure ? [[name, failure.error]] : [])));
    await eventually('all failures', () => Object.keys(failures()).length === 4);
    expect(failures()).toEqual({
      rejecting: { name: 'RangeError', message: 'rejected' },
      throwing: { name: 'TypeError', message: 'thrown' },
      later: { name: 'Error', message: 'later' },
      born: { name: 'Error', message: 'born' },
    });
    expect((await shown('parent')).gone).toBe(false);
    actor.stop();
  });

  test('that run already are shown to a newcomer, ended ones and their definitions are not', async () => {
    const { inspect } = relay;
    const keep = createActor(createMachine({ id: 'kept', initial: 'a', states: { a: {} } }), {
      inspect,
    }).start();
    for (let i = 0; i < 50; i++) {
      const ending = createMachine({
        ...{ id: `ending ${i}`, initial: 'a', states: { a: {} } },
        on: {
          FAIL: {
            actions: () => {
              throw new Error('mine');
            },
          },
        },
      });
      const actor = createActor(ending, { inspect }).start();
      actor.subscribe({ error: () => {} });
      if (i % 2 === 0) actor.stop();
      else actor.send({ type: 'FAIL' });
    }
    await eventually('all to have ended', () => page().filter(({ gone }) => gone).length === 50);
    expect(page().filter(({ failure }) => failure)).toHaveLength(25);
    const late = await Watcher.watch(relay.url, '?batched');
    await late.find('@xstate.actor');
    expect(late.all('@handoff.definition')).toHaveLength(1);
    expect(late.all('@xstate.actor').map(({ name }) => name)).toEqual(['kept']);
    await late.close();
    keep.stop();
  });

  const withChild = createMachine({
    id: 'root',
    context: { child: undefined as unknown },
    entry: assign({
      child: ({ spawn }) =>
        spawn(
          fromCallback(() => {}),
          { id: 'spawned' },
        ),
    }),
    invoke: { id: 'invoked', src: fromPromise(() => new Promise(() => {})) },
    on: { GO: {} },
  });

  test('that run already are shown when their actor is attached', async () => {
    const actor = createActor(withChild).start();
    const detach = relay.attach(actor);
    for (const name of ['root', 'spawned', 'invoked']) expect((await shown(name)).gone).toBe(false);
    expect((await shown('spawned')).parentId).toBe(actor.sessionId);
    detach();
    await eventually('them to go', () => page().every(({ gone }) => gone));
    actor.stop();
  });

  test('that run already are shown when their system is attached, at the latest with its next event', async () => {
    const named = createActor(withChild, { systemId: 'named' }).start();
    relay.attach(named.system);
    for (const name of ['root', 'spawned', 'invoked']) await shown(name);
    named.stop();
    await eventually('them to end', () => page().every(({ gone }) => gone));
    const before = page().length;
    const unnamed = createActor(withChild, { id: 'unnamed' }).start();
    relay.attach(unnamed.system);
    unnamed.send({ type: 'GO' });
    await shown('unnamed');
    await eventually('its children', () => page().length === before + 3);
    unnamed.stop();
  });
});
