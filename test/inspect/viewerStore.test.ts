import type { ActorMessage, SnapshotMessage } from '../../src/inspect/messages/InspectionMessage';
import { viewActor } from '../../src/inspect/viewer/store/ActorView';
import { fromOpener } from '../../src/inspect/viewer/store/fromOpener';
import { InspectionStore } from '../../src/inspect/viewer/store/InspectionStore';
import { ViewerState } from '../../src/inspect/viewer/store/ViewerState';

const BASE = { id: null, _version: '0.7.2' };

function actor(sessionId: string, name: string): ActorMessage {
  return { ...BASE, type: '@xstate.actor', sessionId, name, createdAt: '1', snapshot: at('start').snapshot };
}

function at(value: string, sessionId = 'a', more: Partial<SnapshotMessage> = {}): SnapshotMessage {
  return {
    ...BASE,
    type: '@xstate.snapshot',
    sessionId,
    createdAt: '2',
    event: { type: `to ${value}` },
    snapshot: { status: 'active', value },
    ...more,
  };
}

function start(): { store: InspectionStore; state: ViewerState } {
  const store = new InspectionStore();
  store.receive({ type: '@handoff.welcome', relayId: 'one', now: Date.now() });
  return { store, state: new ViewerState(store) };
}

const shownState = (state: ViewerState) => state.selected && viewActor(state.selected, state.seq)?.state;

test('steps shown while paused stay, and can be stepped through in both directions', () => {
  const { store, state } = start();
  store.receive(actor('a', 'first'));
  for (const value of ['one', 'two', 'three']) store.receive(at(value));
  expect(shownState(state)).toBe('three');
  state.pause();
  store.receive(at('four'));
  expect(shownState(state)).toBe('three');
  state.stepBy(-1);
  state.stepBy(-1);
  expect(shownState(state)).toBe('one');
  for (let n = 0; n < 9; n++) state.stepBy(1);
  expect(shownState(state)).toBe('four');
  state.resume();
  store.receive(at('five'));
  expect(shownState(state)).toBe('five');
});

describe('the time that is shown', () => {
  const clock = jest.spyOn(Date, 'now');
  afterAll(() => clock.mockRestore());

  test('stays at the pause for every actor, and is that of a step once one is selected', () => {
    clock.mockReturnValue(10_000);
    const { store, state } = start();
    store.receive(actor('a', 'first'));
    store.receive(at('one', 'a', { createdAt: '3000' }));
    store.receive(actor('b', 'second'));
    store.receive(at('two', 'b', { createdAt: '4000' }));
    state.pause();
    clock.mockReturnValue(20_000);
    expect(state.now).toBe(10_000);
    const second = store.actors.get('b');
    if (second) state.select(second);
    expect(state.now).toBe(10_000);
    state.stepBy(-1);
    state.stepBy(1);
    expect(state.now).toBe(4_000);
    const first = store.actors.get('a');
    if (first) state.select(first);
    expect(state.now).toBe(4_000);
    state.resume();
    expect(state.now).toBe(20_000);
  });

  test('stops while the connection is lost', () => {
    clock.mockReturnValue(10_000);
    const { store, state } = start();
    store.receive(actor('a', 'first'));
    state.connection = { status: 'open', lostAt: undefined };
    clock.mockReturnValue(20_000);
    expect(state.now).toBe(20_000);
    store.clockOffsetMs = 500;
    state.connection = { status: 'waiting', lostAt: 20_000 };
    clock.mockReturnValue(30_000);
    expect(state.now).toBe(20_500);
    state.pause();
    state.connection = { status: 'open', lostAt: undefined };
    expect(state.now).toBe(20_500);
    state.resume();
    expect(state.now).toBe(30_500);
  });
});

test('the number of kept steps is bounded', () => {
  const { store, state } = start();
  store.receive(actor('a', 'first'));
  for (let n = 0; n < 2_000; n++) store.receive(at(`s${n}`));
  expect(store.actors.get('a')?.steps()).toHaveLength(400);
  expect(shownState(state)).toBe('s1999');
  for (let n = 0; n < 1_000; n++) {
    store.receive(actor(`job${n}`, 'job'));
    store.receive(at('end', `job${n}`, { snapshot: { status: 'done', value: 'end' } }));
  }
  expect(store.actors.size).toBeLessThan(310);
});

test('steps shown while paused stay until the page goes live, however many follow', () => {
  const { store, state } = start();
  store.receive(actor('a', 'first'));
  store.receive(actor('b', 'second'));
  store.receive(at('idle', 'b'));
  for (let n = 0; n < 1_000; n++) store.receive(at(`s${n}`));
  state.pause();
  for (let n = 0; n < 2_000; n++) store.receive(at(`t${n}`));
  for (let n = 0; n < 2_000; n++) store.receive(at(`u${n}`, 'b'));
  expect(shownState(state)).toBe('s999');
  const second = store.actors.get('b');
  expect(second && viewActor(second, state.seq)?.state).toBe('idle');
  for (let n = 0; n < 300; n++) state.stepBy(-1);
  expect(shownState(state)).toBe('s699');
  for (let n = 0; n < 301; n++) state.stepBy(1);
  expect(shownState(state)).toBe('t0');
  expect(store.actors.get('a')?.steps().length).toBeLessThanOrEqual(801);
  state.resume();
  expect(shownState(state)).toBe('t1999');
  expect(store.actors.get('a')?.steps()).toHaveLength(400);
});

test('another relay replaces everything, and the selected actor is found by its name', () => {
  const { store, state } = start();
  store.receive(actor('a', 'first'));
  store.receive(actor('b', 'second'));
  const second = store.actors.get('b');
  if (second) state.select(second);
  store.receive({ type: '@handoff.welcome', relayId: 'two', now: Date.now() });
  expect(store.actors.size).toBe(0);
  store.receive(actor('a', 'other'));
  store.receive(actor('z', 'second'));
  expect(state.selected?.sessionId).toBe('z');
});

test('after a reconnect to the same relay, actors that it does not send again have ended', () => {
  const { store } = start();
  store.receive(actor('a', 'first'));
  store.receive(actor('b', 'second'));
  store.receive({ type: '@handoff.welcome', relayId: 'one', now: Date.now() });
  store.receive({ type: '@handoff.dropped', messages: 5 });
  store.receive(actor('a', 'first'));
  expect([...store.actors.values()].map(({ name, gone }) => [name, gone])).toEqual([
    ['first', false],
    ['second', true],
  ]);
  expect(store.missed).toBe(5);
});

test('decisions are counted by kind and second', () => {
  const { store } = start();
  store.receive(actor('a', 'first'));
  const answer = (type: string, second: number, reason?: string) =>
    store.receive(at('x', 'a', { createdAt: `${second * 1_000}`, emitted: [{ type, reason }] }));
  answer('attempt', 10);
  answer('attempt', 10);
  answer('fallback', 12, 'adoptedBackend');
  expect([...store.decisions.counts(12_500, 3)]).toEqual([
    ['attempt', [2, 0, 0]],
    ['adoptedBackend', [0, 0, 1]],
  ]);
});

describe('messages of a page that opened the viewer', () => {
  const posted = (message: object): void => {
    const received = fromOpener(message);
    if (received) store.receive(received);
  };
  let store: InspectionStore;

  beforeEach(() => {
    store = new InspectionStore();
  });

  test('are separate from the relay\u2019s actors, and outlive the relay', () => {
    posted(actor('x:0', 'in a page'));
    store.receive({ type: '@handoff.welcome', relayId: 'one', now: Date.now() });
    store.receive(actor('x:0', 'behind the relay'));
    posted(at('there', 'x:0'));
    const names = () => [...store.actors.values()].map(({ name, gone }) => [name, gone]);
    expect(names()).toEqual([
      ['in a page', false],
      ['behind the relay', false],
    ]);
    store.receive({ type: '@handoff.welcome', relayId: 'two', now: Date.now() });
    expect(names()).toEqual([['in a page', false]]);
  });

  test('are shown without secrets', () => {
    posted({
      ...actor('x:0', 'form'),
      definition: JSON.stringify({ id: 'form', context: { password: 'hush' } }),
    });
    posted({
      ...at('there', 'x:0'),
      event: { type: 'SUBMIT', token: 'hush' },
      snapshot: { status: 'active', value: 'there', context: { cookie: 'hush' } },
    });
    const [shown] = store.actors.values();
    expect(shown?.latest?.event).toEqual({ type: 'SUBMIT', token: '[redacted]' });
    expect(JSON.stringify([shown?.definition, shown?.steps()])).not.toContain('hush');
  });

  test.each([
    undefined,
    'text',
    {},
    { type: '@xstate.actor' },
    { type: '@xstate.event', sessionId: 'x:0' },
    { type: '@xstate.snapshot', sessionId: 'x:0', event: null },
    { type: '@handoff.welcome', sessionId: 'x:0', relayId: 'evil' },
  ])('are ignored if malformed: %p', (message) => {
    expect(fromOpener(message)).toBeUndefined();
  });

  test('may lack fields of another version', () => {
    posted({ type: '@xstate.snapshot', sessionId: 'x:0', event: { type: 'GO' }, snapshot: null });
    posted({ type: '@xstate.actor', sessionId: 'x:0', definition: 'no JSON' });
    expect([...store.actors.values()].map(({ name, definition }) => [name, definition])).toEqual([
      ['x:0', undefined],
    ]);
  });
});

test('a process is shown with its status; other tags are not states', () => {
  const { store, state } = start();
  store.receive(actor('a', 'echo@1.0.0 process'));
  const value = { successor: 'afterBackoff', process: { alive: 'ready' } };
  store.receive(at('', 'a', { snapshot: { status: 'active', value, tags: ['ready'] } }));
  expect(shownState(state)).toBe('ready');
  const other = { handoff: 'adopted', window: 'closed' };
  store.receive(at('', 'a', { snapshot: { status: 'active', value: other, tags: ['outlivesController'] } }));
  expect(shownState(state)).toBe('adopted');
  for (const tags of [undefined, 5, [null], [{}], ['toString']]) {
    store.receive(at('', 'a', { snapshot: { status: 'active', value: 'alone', tags } }));
    expect(shownState(state)).toBe('alone');
  }
});

test('a new name of an actor is not a step, but a change during a disconnection is', () => {
  const { store } = start();
  store.receive(actor('a', 'echo@1.0.0 process'));
  store.receive(actor('a', 'echo@1.0.0 pid 7'));
  const shown = store.actors.get('a');
  expect(shown?.name).toBe('echo@1.0.0 pid 7');
  expect(shown?.steps()).toHaveLength(1);
  store.receive({ ...actor('a', 'echo@1.0.0 pid 7'), snapshot: at('later').snapshot });
  expect(shown?.steps().map(({ event }) => event.type)).toEqual(['xstate.init', 'resynced']);
});
