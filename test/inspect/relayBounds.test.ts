import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { WebSocket } from 'ws';
import { createInspectionRelay, type InspectionRelay } from '../../src/inspect';
import { InspectionHub } from '../../src/inspect/relay/InspectionHub';
import { KeptBudget } from '../../src/inspect/relay/KeptBudget';
import { ObservedSource } from '../../src/inspect/relay/ObservedSource';
import { SenderPeer } from '../../src/inspect/relay/SenderPeer';
import { ViewerPeer } from '../../src/inspect/relay/ViewerPeer';
import { createBoundedServer, shareOfDescriptors } from '../../src/ports/createBoundedServer';
import { listenOnPort } from '../../src/ports/listenOnPort';
import { eventually } from '../support/eventually';
import { Watcher } from './support/Watcher';

const BASE = { createdAt: '1', id: null, _version: '0.7.2', rootId: 'x:0' };
setFlagsFromString('--expose_gc');
const collectGarbage: () => void = runInNewContext('gc');
const MIB = 1024 * 1024;

describe('the memory of the relay for senders', () => {
  const send = (sender: SenderPeer, message: object): void =>
    sender.receive(Buffer.from(JSON.stringify({ ...BASE, ...message })), false);
  const actor = (sessionId: string, fields: object) => ({
    type: '@xstate.actor',
    name: 'n',
    sessionId,
    ...fields,
  });

  /** The present state, as somebody who comes now gets it. */
  const presentState = (hub: InspectionHub): { type: string; [field: string]: unknown }[] => {
    const texts: string[] = [];
    const socket = {
      readyState: WebSocket.OPEN,
      bufferedAmount: 0,
      send: (data: Buffer) => texts.push(data.toString()),
    };
    const welcome = () => ({ type: '@handoff.welcome', relayId: 'r', now: 0 }) as const;
    const viewer = new ViewerPeer(socket as unknown as WebSocket, true, welcome);
    hub.addViewer(viewer);
    hub.removeViewer(viewer);
    return texts.flatMap((text) => JSON.parse(text));
  };

  test('is bounded by its real size, even for short values', () => {
    const hub = new InspectionHub();
    const sender = new SenderPeer(hub, new KeptBudget(), '1:');
    const empty = Array.from({ length: 80_000 }, () => ({}));
    const before = memory();
    for (let i = 0; i < 32; i++) send(sender, actor(`a${i}`, { snapshot: { tags: empty, value: empty } }));
    expect(memory() - before).toBeLessThan(16 * MIB);
    expect(hub.leftOut).toEqual({});
    sender.end();
  });

  test('is bounded for one sender, and refusals are counted', () => {
    const hub = new InspectionHub();
    const sender = new SenderPeer(hub, new KeptBudget(), '1:');
    const context = Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`k${i}`, 'x'.repeat(900)]));
    for (let i = 0; i < 1_000; i++) send(sender, actor(`a${i}`, { snapshot: { context } }));
    const { tooMuchKept = 0 } = hub.leftOut;
    expect(tooMuchKept).toBeGreaterThan(500);
    const shown = presentState(hub).filter(({ type }) => type === '@xstate.actor');
    expect(shown).toHaveLength(1_000 - tooMuchKept);
    expect(JSON.stringify(shown).length).toBeLessThan(8 * MIB);
    // An actor that ends makes room again.
    for (let i = 0; i < 10; i++) {
      send(sender, {
        type: '@xstate.snapshot',
        sessionId: `a${i}`,
        event: { type: 'e' },
        snapshot: { status: 'done' },
      });
    }
    send(sender, actor('again', { snapshot: { context } }));
    expect(hub.leftOut).toEqual({ tooMuchKept });
  });

  test('is bounded in total, at the expense of the largest senders', () => {
    const hub = new InspectionHub();
    const kept = new KeptBudget();
    const greedy = Array.from({ length: 8 }, (_, i) => new SenderPeer(hub, kept, `${i}:`));
    const context = Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`k${i}`, 'x'.repeat(900)]));
    for (const sender of greedy) {
      for (let i = 0; i < 90; i++) send(sender, actor(`a${i}`, { snapshot: { context } }));
    }
    const before = hub.leftOut;
    expect(before.tooMuchKept).toBeGreaterThan(0);
    const modest = new SenderPeer(hub, kept, 'm:');
    send(modest, actor('a', { snapshot: { context } }));
    expect(hub.leftOut).toEqual(before);
    for (const sender of greedy) sender.end();
    expect(presentState(hub).filter(({ type }) => type === '@xstate.actor')).toHaveLength(1);
  });

  test('ends with 10,000 actors of one sender', () => {
    const hub = new InspectionHub();
    const sender = new SenderPeer(hub, new KeptBudget(), '1:');
    for (let i = 0; i < 10_005; i++) send(sender, actor(`a${i}`, {}));
    expect(hub.leftOut).toEqual({ tooManyActors: 5 });
  });

  test('contains no definition after its last actor has ended', () => {
    const hub = new InspectionHub();
    const sender = new SenderPeer(hub, new KeptBudget(), '1:');
    const definition = (i: number) =>
      JSON.stringify({ id: `m${i}`, states: { a: { description: 'x'.repeat(900_000) } } });
    const before = memory();
    for (let i = 0; i < 60; i++) send(sender, actor('same', { definition: definition(i) }));
    expect(memory() - before).toBeLessThan(30 * MIB);
    const definitions = () => presentState(hub).filter(({ type }) => type === '@handoff.definition');
    expect(definitions()).toHaveLength(1);
    send(sender, actor('other', { definition: definition(59) }));
    send(sender, {
      type: '@xstate.snapshot',
      sessionId: 'same',
      event: { type: 'e' },
      snapshot: { status: 'done' },
    });
    expect(definitions()).toHaveLength(1);
    sender.end();
    expect(definitions()).toHaveLength(0);
    expect(hub.leftOut).toEqual({});
  });

  function memory(): number {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  }
});

describe('the connections of the relay\u2019s port', () => {
  const open: { destroy(): void }[] = [];
  let relay: InspectionRelay;
  beforeEach(async () => {
    relay = await createInspectionRelay();
  });
  afterEach(async () => {
    for (const socket of open.splice(0)) socket.destroy();
    await relay.close();
  });
  const silent = async (): Promise<Socket> => {
    const socket = connect(Number(new URL(relay.url).port), '127.0.0.1');
    socket.on('error', () => {});
    open.push(socket);
    await once(socket, 'connect');
    return socket;
  };

  test('are bounded, and a later page is still served', async () => {
    for (let batch = 0; batch < 20; batch++) await Promise.all(Array.from({ length: 100 }, silent));
    await eventually('all but 128 are closed', () => (relay.leftOut().connections ?? 0) >= 2_000 - 128);
    expect(relay.connections()).toBeLessThanOrEqual(128);
    const watcher = await Watcher.watch(relay.url, '?batched');
    const { counts } = await watcher.find('@handoff.leftOut');
    expect(counts.connections).toBeGreaterThanOrEqual(2_000 - 128);
    await watcher.close();
  });

  test('that send nothing, or half of a request, are closed in time', async () => {
    const sockets = [await silent(), await silent()];
    sockets[1]?.write('GET / HTTP/1.1\r\nHost: 127');
    await Promise.all(sockets.map((socket) => once(socket.resume(), 'close')));
  });

  test('that send requests without reading are closed', async () => {
    const socket = await silent();
    socket.write('GET /viewer.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(1_000));
    await once(socket.resume(), 'close');
    expect(relay.leftOut()).toEqual({ connections: 1 });
  });

  test('that are WebSockets are bounded too, and further ones get a close code', async () => {
    const sockets = await Promise.all(
      Array.from({ length: 70 }, async () => {
        const socket = new WebSocket(relay.url.replace('http', 'ws'));
        open.push({ destroy: () => socket.terminate() });
        const closed = once(socket, 'close');
        await once(socket, 'open');
        return { closed };
      }),
    );
    const [code] = await Promise.race(sockets.map(({ closed }) => closed));
    expect(code).toBe(1013);
    expect(relay.leftOut().connections).toBe(6);
  });

  test('are closed if incomplete messages exceed the bound', async () => {
    const half = async () => {
      const socket = new WebSocket(relay.url.replace('http', 'ws'));
      socket.on('error', () => {});
      open.push({ destroy: () => socket.terminate() });
      await once(socket, 'open');
      socket.send(Buffer.alloc(20 * MIB), { fin: false });
    };
    await Promise.all(Array.from({ length: 6 }, half));
    await eventually('the largest are closed', () => (relay.leftOut().peers ?? 0) >= 3);
  });
});

test('a process with few descriptors uses few for its ports', () => {
  expect(
    [64, 256, 1_024, 1_048_576, undefined].map((limit) => shareOfDescriptors(1 / 16, 4, 64, limit)),
  ).toEqual([4, 16, 64, 64, 64]);
});

test('a system error during accept does not end the process', async () => {
  const { server, close } = createBoundedServer({
    maxConnections: 4,
    onTurnedAway: () => {},
    onRequest: () => {},
  });
  await listenOnPort(server, 0);
  expect(() =>
    server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' })),
  ).not.toThrow();
  await close();
});

test('a source that throws anywhere affects neither the relay nor itself', async () => {
  const hub = new InspectionHub();
  const relay = await createInspectionRelay({
    onLeftOut: () => {
      throw new Error('mine');
    },
  });
  const throwing = {
    inspect: (observer: { next(event: never): void }) => {
      observer.next({ type: '@xstate.actor' } as never);
      observer.next({ type: '@xstate.snapshot', actorRef: null } as never);
      return {
        unsubscribe: () => {
          throw new Error('theirs');
        },
      };
    },
  };
  const source = new ObservedSource(throwing as never, hub);
  source.watch();
  source.unwatch();
  expect(hub.leftOut).toEqual({ unreadable: 2 });
  relay.attach(throwing as never);
  const watcher = await Watcher.watch(relay.url, '?batched');
  await watcher.find('@handoff.leftOut');
  await watcher.close();
  await relay.close();
  expect(() => relay.attach(1 as never)).toThrow(TypeError);
  expect(() => relay.attach({} as never)).toThrow('source.inspect must be a function');
});
