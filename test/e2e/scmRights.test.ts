import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Broker,
  type BrokerOptions,
  createScmRightsTransport,
  type HandoffChannel,
  type HandoffTransport,
  type TransferEvent,
} from '../../src/broker';
import { descriptorOf } from '../../src/net/descriptorOf';
import { scmRights } from '../../src/net/scmRights';
import { eventually } from '../support/eventually';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { changeChannel } from './support/changeChannel';
import { echo } from './support/echo';
import { fixtureService } from './support/TestBrokers';
import { childOf, tell } from './support/tell';

/** The transport, with the processes that it leads to. */
interface WatchedTransport extends HandoffTransport {
  readonly children: ChildProcess[];
  isOpen(): boolean;
}

function watchedTransport(): WatchedTransport {
  const children: ChildProcess[] = [];
  const channels: HandoffChannel[] = [];
  const transport = changeChannel(createScmRightsTransport(), (channel, target) => {
    children.push(childOf(target));
    channels.push(channel);
    return {};
  });
  return {
    ...transport,
    children,
    isOpen: () => channels.length > 0 && channels.every(({ capacity }) => capacity > 1),
  };
}

describe('a descriptor', () => {
  it('is passed over a socket, and not readable before', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'hc-test-'));
    const path = join(directory, 'socket');
    const file = join(directory, 'file');
    writeFileSync(file, 'as it was');
    const server = createServer({ pauseOnConnect: true }).listen(path);
    const client = connectTo(path);
    try {
      const [accepted] = (await once(server, 'connection')) as [Socket];
      client.once('close', () => accepted.destroy());
      const [from, to] = [descriptorOf(client), descriptorOf(accepted)];
      const system = scmRights();
      if (system === undefined || from === undefined || to === undefined)
        throw new Error('not on this system');
      expect(system.receive(to)).toBe('none');
      const sent = openSync(file, 'r');
      system.send(from, sent);
      closeSync(sent);
      const received = system.receive(to);
      expect(readFileSync(received as number, 'utf8')).toBe('as it was');
      closeSync(received as number);
      expect(system.receive(to)).toBe('none');
      expect(() => system.send(from, 1 << 30)).toThrow(
        expect.objectContaining({ code: 'EBADF', syscall: 'sendmsg' }),
      );
      client.destroy();
      expect(descriptorOf(client)).toBeUndefined();
    } finally {
      client.destroy();
      server.close();
      rmSync(directory, { recursive: true });
    }
  });
});

describe('the channel for handles', () => {
  const brokers = brokersOfEachTest();

  /** A broker with one backend, the channel to which is open. */
  async function start(
    mode: string,
    options: Partial<BrokerOptions> = {},
  ): Promise<{ broker: Broker; transport: WatchedTransport }> {
    const transport = watchedTransport();
    const broker = await brokers.start({
      services: [fixtureService(mode)],
      transport,
      ...options,
    });
    await eventually('the channel to be open', () => transport.isOpen());
    return { broker, transport };
  }

  it('carries many handles at a time without mixing their bytes', async () => {
    const { broker, transport } = await start('puppet');
    const sent: TransferEvent[] = [];
    broker.on('transfer', (event) => event.state === 'sent' && sent.push(event));
    const clients = Array.from({ length: 140 }, (_, index) =>
      echo(broker, `client ${index}`.repeat(10 * index + 1)),
    );
    await eventually('128 handles to be sent', () => sent.length === 128);
    await eventually('all transfers to be in flight', () => broker.backends()[0]?.inFlight === 140);
    expect(sent).toHaveLength(128);
    expect(broker.backends()[0]).toMatchObject({ queued: 12 });
    await tell(transport.children[0] ?? {}, { goOn: true });
    expect((await Promise.all(clients)).map(({ route }) => route)).toEqual(clients.map(() => 'handedOff'));
    expect(broker.stats()).toMatchObject({ handedOff: 140, lateAcks: 0, unknownAcks: 0, malformedAcks: 0 });
  });

  it('reports a handle for which the backend had no descriptor: its client reconnects, the next is handed over', async () => {
    const { broker, transport } = await start('full');
    const [child] = transport.children;
    if (child === undefined) throw new Error('no process');
    await tell(child, { fill: true });
    expect(await echo(broker, 'a')).toMatchObject({
      route: 'reconnected',
      reason: 'integrityMismatch',
    });
    expect(await echo(broker, 'b')).toMatchObject({ route: 'handedOff' });
  });

  it('loses its handles when the backend dies: the clients start again', async () => {
    const { broker, transport } = await start('puppet');
    const clients = Array.from({ length: 10 }, (_, index) => echo(broker, `client ${index}`));
    await eventually('all transfers to be in flight', () => broker.backends()[0]?.inFlight === 10);
    const [first] = transport.children;
    first?.kill('SIGKILL');
    await eventually('the second process to listen', () => transport.children.length === 2);
    await tell(transport.children[1] ?? {}, { goOn: true });
    await Promise.all(clients);
    expect(
      broker.stats().handedOff + Object.values(broker.stats().reconnected).reduce((a, b) => a + b, 0),
    ).toBe(20);
  });

  it('acknowledges a connection even if it closes with that one', async () => {
    const { broker } = await start('once');
    expect(await echo(broker, 'a')).toMatchObject({ route: 'handedOff' });
    await eventually('the backend to leave', () => broker.backends()[0]?.process !== 'ready');
    expect(broker.stats()).toMatchObject({ handedOff: 1, reconnected: {} });
  });

  it('is emptied before the backend is replaced', async () => {
    const { broker, transport } = await start('puppet');
    const clients = Array.from({ length: 140 }, (_, index) => echo(broker, `client ${index}`));
    await eventually('all transfers to be in flight', () => broker.backends()[0]?.inFlight === 140);
    const [backend] = broker.backends();
    if (backend === undefined) throw new Error('no backend');
    const respawned = broker.respawnBackend(backend.backend);
    await tell(transport.children[0] ?? {}, { goOn: true });
    await Promise.all(clients);
    await respawned;
    expect(broker.stats()).toMatchObject({ connections: 140, handedOff: 140, reconnected: {} });
    expect(broker.backends()).toMatchObject([{ state: 'idle' }]);
  });

  it('is opened again when it ends, though handles were lost in it', async () => {
    const { broker, transport } = await start('puppet', { ackDeadlineMs: 100 });
    const [child] = transport.children;
    if (child === undefined) throw new Error('no process');
    const client = echo(broker, 'a');
    await eventually('the deadline', () => broker.stats().reconnected.backendAckTimeout === 1);
    await tell(child, { drop: true, leave: true });
    await client;
    await eventually('the channel to be opened again', () => transport.children.length === 2);
    expect(transport.children[1]).toBe(child);
    await tell(child, { goOn: true });
    // The next one has all the time in the world.
    const options = { socketPath: broker.socketPath, services: [fixtureService('puppet')] };
    await broker.reload({ ...options, ackDeadlineMs: 60_000 });
    await eventually(
      'a client to be handed over',
      async () => (await echo(broker, 'b')).route === 'handedOff',
    );
    expect(broker.backends()).toMatchObject([{ process: 'ready', pid: child.pid }]);
  });
});
