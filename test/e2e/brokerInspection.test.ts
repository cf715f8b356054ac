import type { ChildProcess } from 'node:child_process';
import type { AnyActorRef, InspectionEvent } from 'xstate';
import { type Broker, type BrokerWarning, createNodeIpcTransport } from '../../src/broker';
import { createInspectionRelay, type InspectionRelay } from '../../src/inspect';
import type { ActorMessage, SnapshotMessage } from '../../src/inspect/messages/InspectionMessage';
import { Watcher } from '../inspect/support/Watcher';
import { eventually } from '../support/eventually';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { changeChannel } from './support/changeChannel';
import { echo, echoBy, settled } from './support/echo';
import { fixtureService } from './support/TestBrokers';
import { childOf, tell } from './support/tell';

const KEY = { instance: 'shared', serviceName: 'echo', serviceVersion: '1.0.0' };
const CHARTS = ['backendHandoff', 'backendLifecycle', 'fdPressure', 'handoffTransfer'];
const MAX_SHOWN_TRANSFERS = 32;
const PRESSURE = 'fd pressure';

const chartOf = ({ definition }: ActorMessage): string =>
  definition === undefined ? 'none' : JSON.parse(definition).id;
const nameOf = ({ actorRef }: InspectionEvent): string => (actorRef as AnyActorRef).id;
const isTransfer = (name: string): boolean => name.startsWith('transfer ');

/** A broker whose first backend process holds back every handle until it's told to go on. */
function puppets(marker: string) {
  const children = new Set<ChildProcess>();
  let sent = 0;
  const transport = changeChannel(createNodeIpcTransport(), (channel, target) => ({
    send(message, socket, callback) {
      children.add(childOf(target));
      sent += 1;
      channel.send(message, socket, callback);
    },
  }));
  return {
    options: { services: [fixtureService('puppet', { marker })], transport, maxTransfersPerBackend: 256 },
    sent: () => sent,
    goOn: () => {
      for (const child of children) void tell(child, { goOn: true });
    },
  };
}

describe('the charts of a running broker', () => {
  const brokers = brokersOfEachTest();

  const relayOf = async (broker: Broker): Promise<InspectionRelay> => {
    const relay = await createInspectionRelay({ controller: broker.controller });
    relay.attach(broker);
    brokers.atEnd(() => relay.close());
    return relay;
  };

  const watch = async (relay: InspectionRelay, query?: string): Promise<Watcher> => {
    const watcher = await Watcher.watch(relay.url, query);
    brokers.atEnd(() => watcher.socket.terminate());
    return watcher;
  };

  const states = (watcher: Watcher, sessionId: string): string[] =>
    watcher
      .all('@xstate.snapshot')
      .filter((message: SnapshotMessage) => message.sessionId === sessionId)
      .map(({ snapshot }) => JSON.stringify(snapshot.value));

  it('are all sent to observers, and follow a handoff and a restart', async () => {
    const broker = await brokers.start();
    const relay = await relayOf(broker);
    const pid = broker.backends()[0]?.pid;
    const watcher = await watch(relay);

    // Of what was there before, by names that a person recognises.
    const process = await watcher.find('@xstate.actor', ({ name }) => name === `echo@1.0.0 pid ${pid}`);
    expect(chartOf(process)).toBe('backendLifecycle');
    expect(JSON.stringify(process.snapshot)).toContain('ready');
    expect(chartOf(await watcher.find('@xstate.actor', ({ name }) => name === PRESSURE))).toBe('fdPressure');
    expect(chartOf(await watcher.find('@xstate.actor', ({ name }) => name === 'echo@1.0.0'))).toBe(
      'backendHandoff',
    );

    expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
    const transfer = await watcher.find('@xstate.actor', ({ name }) => isTransfer(name));
    expect(transfer.name).toMatch(/^transfer [0-9a-f]{32}$/);
    const ended = await watcher.find(
      '@xstate.snapshot',
      ({ sessionId, snapshot }) => sessionId === transfer.sessionId && snapshot.status === 'done',
    );
    expect(JSON.stringify(ended.snapshot.value)).toContain('acknowledged');
    expect(new Set(watcher.all('@xstate.actor').map(chartOf))).toEqual(new Set(CHARTS));

    await broker.respawnBackend(KEY);
    const next = broker.backends()[0]?.pid;
    expect(next).not.toBe(pid);
    const successor = await watcher.find('@xstate.actor', ({ name }) => name === `echo@1.0.0 pid ${next}`);
    await eventually('the new process to be shown as ready', () =>
      states(watcher, successor.sessionId).some((state) => state.includes('ready')),
    );
    const gone = await watcher.find(
      '@xstate.snapshot',
      ({ sessionId, snapshot }) => sessionId === process.sessionId && snapshot.status === 'done',
    );
    expect(gone.snapshot.status).toBe('done');
    // It had its name before it had its process.
    expect(
      watcher
        .all('@xstate.actor')
        .filter(({ sessionId }) => sessionId === successor.sessionId)
        .map(({ name }) => name),
    ).toEqual(['echo@1.0.0 process', `echo@1.0.0 pid ${next}`]);

    // A newcomer hears of what is there now, and of nothing that has ended.
    const second = await watch(relay, '?batched');
    await second.find('@xstate.actor', ({ name }) => name === successor.name);
    await second.find('@xstate.actor', ({ name }) => name === PRESSURE);
    const names = second.all('@xstate.actor').map(({ name }) => name);
    expect(names).not.toContain(process.name);
    expect(names.filter(isTransfer)).toEqual([]);
  });

  it('a crash is shown with the pause and the start of the successor', async () => {
    const broker = await brokers.start();
    const watcher = await watch(await relayOf(broker));
    const pid = broker.backends()[0]?.pid ?? 0;
    await watcher.find('@xstate.actor', ({ name }) => name === `echo@1.0.0 pid ${pid}`);
    process.kill(pid, 'SIGKILL');
    const next = await eventually('another process', () => {
      const [backend] = broker.backends();
      return backend?.process === 'ready' && backend.pid !== pid && backend.pid;
    });
    const successor = await watcher.find('@xstate.actor', ({ name }) => name === `echo@1.0.0 pid ${next}`);
    await eventually('its way from the wait to ready', () => {
      const seen = states(watcher, successor.sessionId).join(' ');
      return /"process":"planned"/.test(seen) && /starting/.test(seen) && /ready/.test(seen);
    });
  });

  it('an adopted process is shown with its process id', async () => {
    const first = await brokers.start();
    const { adopt } = await first.stop({ backends: 'leave' });
    const broker = await brokers.start({ adopt });
    const names: string[] = [];
    broker.inspect((event) => names.push(nameOf(event)));
    expect(names).toContain(`echo@1.0.0 pid ${adopt[0]?.pid}`);
  });

  it('shows no more than 32 of 200 transfers at once, and others when those have ended', async () => {
    const { options, sent, goOn } = puppets(brokers.path('marker'));
    const broker = await brokers.start(options);
    brokers.atEnd(goOn);
    const live = new Set<unknown>();
    const shown = new Set<string>();
    let most = 0;
    const observation = broker.inspect((event) => {
      if (!isTransfer(nameOf(event))) return;
      if (event.type === '@xstate.actor') live.add(event.actorRef);
      if (event.type === '@xstate.snapshot' && event.snapshot.status !== 'active')
        live.delete(event.actorRef);
      shown.add(nameOf(event));
      most = Math.max(most, live.size);
    });
    const clients = Array.from({ length: 200 }, () => echoBy(broker));
    const all = Promise.all(clients);
    all.catch(() => {});
    await eventually('all to be in flight', () => broker.backends()[0]?.inFlight === 200);
    await eventually('a handle to be sent', () => sent() > 0);
    expect(live.size).toBe(MAX_SHOWN_TRANSFERS);
    expect(shown.size).toBe(MAX_SHOWN_TRANSFERS);

    // Who comes later is told of the same ones.
    const later = new Set<string>();
    const second = broker.inspect((event) => later.add(nameOf(event)));
    expect(new Set([...later].filter(isTransfer))).toEqual(shown);
    second.unsubscribe();

    goOn();
    expect(new Set((await all).map(({ route }) => route))).toEqual(new Set(['handedOff']));
    await settled(broker);
    await eventually('none to be shown any more', () => live.size === 0);
    for (let n = 1; n <= 2 * MAX_SHOWN_TRANSFERS; n += 1) await echo(broker);
    await eventually('none to be shown any more', () => live.size === 0);
    expect(shown.size).toBe(3 * MAX_SHOWN_TRANSFERS);
    expect(most).toBe(MAX_SHOWN_TRANSFERS);
    observation.unsubscribe();
  });

  it('sends nothing after the end of the subscription, and starts no actor for transfers', async () => {
    const { options, sent, goOn } = puppets(brokers.path('marker'));
    const broker = await brokers.start(options);
    brokers.atEnd(goOn);
    const told: InspectionEvent[] = [];
    const observation = broker.inspect({ next: (event: InspectionEvent) => told.push(event) });
    const client = echo(broker);
    client.catch(() => {});
    await eventually('the handle to be sent', () => sent() === 1);
    await eventually('the transfer to be told of', () => told.some((event) => isTransfer(nameOf(event))));
    observation.unsubscribe();
    observation.unsubscribe();
    const before = told.length;
    goOn();
    await client;
    await echo(broker);
    await broker.respawnBackend(KEY);
    expect(told).toHaveLength(before);

    // What ended meanwhile isn't told of afterwards, and its place is free.
    const names: string[] = [];
    broker.inspect((event) => names.push(nameOf(event)));
    expect(names.filter(isTransfer)).toEqual([]);
    expect(names).toContain(`echo@1.0.0 pid ${broker.backends()[0]?.pid}`);
    await echo(broker);
    expect(names.filter(isTransfer)).not.toEqual([]);
  });

  it('an observer may end its own or another subscription, or start one, while it is called', async () => {
    const broker = await brokers.start();
    const told: string[] = [];
    const other = broker.inspect((event) => told.push(nameOf(event)));
    const inner: string[] = [];
    let isDone = false;
    const observation = broker.inspect((event) => {
      if (!isTransfer(nameOf(event)) || isDone) return;
      isDone = true;
      observation.unsubscribe();
      other.unsubscribe();
      broker.inspect((each) => inner.push(nameOf(each)));
    });
    const before = told.filter(isTransfer).length;
    await echo(broker);
    expect(before).toBe(0);
    expect(isDone).toBe(true);
    // The first was told before the second, of one event.
    expect(told.filter(isTransfer)).toHaveLength(1);
    expect(inner).toContain(PRESSURE);
    expect(inner.filter(isTransfer)).not.toEqual([]);
  });

  it('an observer that throws or rejects causes only a warning', async () => {
    const broker = await brokers.start();
    const warnings: BrokerWarning[] = [];
    broker.on('warning', (warning) => warnings.push(warning));
    const bad = [
      broker.inspect(() => {
        throw new Error('mine');
      }),
      broker.inspect((async () => {
        throw new Error('mine');
      }) as never),
    ];
    const names = new Set<string>();
    broker.inspect((event) => names.add(nameOf(event)));
    expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
    await broker.respawnBackend(KEY);
    expect(names).toContain(`echo@1.0.0 pid ${broker.backends()[0]?.pid}`);
    expect([...names].filter(isTransfer)).toHaveLength(1);
    await eventually('a warning', () => warnings.length > 0);
    for (const { code, message } of warnings) {
      expect({ code, message }).toEqual({ code: 'listenerFailed', message: 'inspect failed: mine' });
    }
    for (const observation of bad) observation.unsubscribe();
  });

  it('the inspect option gets every transfer, with or without other observers', async () => {
    const told = new Set<string>();
    const { options, goOn } = puppets(brokers.path('marker'));
    const broker = await brokers.start({ ...options, inspect: (event) => told.add(nameOf(event)) });
    brokers.atEnd(goOn);
    const also = new Set<string>();
    broker.inspect((event) => also.add(nameOf(event)));
    const all = Promise.all(Array.from({ length: 50 }, () => echoBy(broker)));
    all.catch(() => {});
    await eventually('all to be in flight', () => broker.backends()[0]?.inFlight === 50);
    expect([...told].filter(isTransfer)).toHaveLength(50);
    expect([...also].filter(isTransfer)).toHaveLength(MAX_SHOWN_TRANSFERS);
    goOn();
    await all;
    await settled(broker);
  });

  it.each([
    [5, 'observer must be an object, but is 5'],
    [{ next: 5 }, 'observer.next must be a function, but is 5'],
  ])('refuses %p as an observer', async (observer, message) => {
    const broker = await brokers.start();
    expect(() => broker.inspect(observer as never)).toThrow(TypeError);
    expect(() => broker.inspect(observer as never)).toThrow(message);
  });

  it('ends with the broker, and is refused afterwards', async () => {
    const broker = await brokers.start();
    const ends = new Map<string, string>();
    broker.inspect((event) => {
      if (event.type === '@xstate.snapshot') ends.set(nameOf(event), event.snapshot.status);
    });
    await echo(broker);
    await broker.stop();
    expect(ends.size).toBe(3);
    expect([...ends.values()]).not.toContain('active');
    expect(() => broker.inspect(() => {})).toThrow(expect.objectContaining({ code: 'stopped' }));
  });
});
