import { existsSync, readFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import type { Broker, BrokerOptions } from '../../src/broker';
import { connect } from '../../src/client';
import { monotonicNow } from '../../src/wire/monotonicNow';
import { rawFrame, rawHello, takeFrames } from './independentClient';
import { BrokerProcess } from './support/BrokerProcess';
import { eventually } from './support/eventually';
import { openFds } from './support/openFds';
import { readAll } from './support/readAll';
import { TapProxy } from './support/TapProxy';
import { fixtureService, TestBrokers } from './support/TestBrokers';

// A clock that tests can stop: how busy the machine is must not decide how old a stamp is when it arrives.
jest.mock('../../src/wire/monotonicNow', () => {
  const actual = jest.requireActual('../../src/wire/monotonicNow');
  return { monotonicNow: jest.fn(actual.monotonicNow) };
});

const LONG_MS = 60_000;

const idOf = (frame: unknown): unknown => (frame as { fields: { id: unknown } }).fields.id;

describe('a client that knows its backend', () => {
  let brokers: TestBrokers;
  let fdsBefore: number;

  beforeEach(() => {
    fdsBefore = openFds();
    brokers = new TestBrokers();
  });
  afterEach(async () => {
    jest.mocked(monotonicNow).mockReset();
    jest
      .mocked(monotonicNow)
      .mockImplementation(jest.requireActual('../../src/wire/monotonicNow').monotonicNow);
    expect(await brokers.stop()).toEqual([]);
    await eventually(() => openFds() <= fdsBefore);
  });

  function stopTheClock(): number {
    const now = Math.floor(monotonicNow());
    jest.mocked(monotonicNow).mockReturnValue(now);
    return now;
  }

  const start = (mode: string, options: Partial<BrokerOptions> = {}): Promise<Broker> =>
    brokers.start({ services: [fixtureService(mode)], ackDeadlineMs: LONG_MS, ...options });

  async function echo({ socketPath }: { readonly socketPath: string }, text = 'x', handoff = true) {
    const connection = await connect({
      socketPath,
      service: 'echo',
      earlyData: text,
      handoff,
      allowHalfOpen: true,
    });
    connection.socket.end();
    expect(String(await readAll(connection.socket))).toBe(text);
    return connection;
  }

  async function tap(broker: Broker) {
    const socketPath = brokers.path('tap.sock');
    return { socketPath, proxy: await TapProxy.start(socketPath, broker.socketPath) };
  }

  const framesOf = (bytes: Buffer | undefined) => takeFrames(bytes ?? Buffer.alloc(0)).frames;
  const backendOf = (broker: Broker): string => broker.adoptableBackends()[0]?.backend ?? '';

  async function answerTo(broker: Broker, fields: Record<string, unknown>) {
    const socket = connectSocket({ path: broker.socketPath, allowHalfOpen: true });
    socket.end(rawHello(fields));
    const { frames } = takeFrames(await readAll(socket));
    socket.destroy();
    return frames;
  }

  it('is handed over without another word', async () => {
    const broker = await start('echo');
    const { socketPath, proxy } = await tap(broker);
    const stamp = stopTheClock();
    for (const text of ['a', 'b', 'c']) {
      expect(await echo({ socketPath }, text)).toMatchObject({ route: 'handedOff' });
    }
    expect(await echo({ socketPath }, 'd', false)).toMatchObject({ reason: 'clientUnsupported' });
    const [first, second, third, fourth] = proxy.connections;
    expect(framesOf(first?.received())).toMatchObject([
      { type: 'handoff', fields: { knows: true, stamp } },
      { type: 'ready' },
    ]);
    const backend = backendOf(broker);
    for (const later of [second, third]) {
      expect(framesOf(later?.sent())).toMatchObject([
        { type: 'hello', fields: { handoff: true, knows: { backend, stamp } } },
      ]);
      expect(framesOf(later?.received())).toEqual([{ type: 'ready', fields: {} }]);
    }
    for (const unknowing of [first, fourth]) {
      expect(framesOf(unknowing?.sent())[0]?.fields).not.toHaveProperty('knows');
    }
    expect(broker.stats()).toMatchObject({ handedOff: 3, errors: {}, abandoned: 0 });
    await proxy.stop();
  });

  it('is told at once that the backend is another process, and begins again', async () => {
    const broker = await start('echo');
    const { socketPath, proxy } = await tap(broker);
    await echo({ socketPath });
    const key = broker.backends()[0]?.backend;
    if (key === undefined) throw new Error('the broker has no backend');
    await broker.respawnBackend(key);
    expect(await echo({ socketPath })).toMatchObject({ route: 'handedOff' });
    const [first, stale, again] = proxy.connections;
    expect(framesOf(stale?.received())).toMatchObject([
      { type: 'error', fields: { code: 'staleBackend', retryable: true } },
    ]);
    const [staleHello] = framesOf(stale?.sent());
    const [hello] = framesOf(again?.sent());
    expect(staleHello).toMatchObject({
      fields: { knows: { backend: framesOf(first?.received())[0]?.fields.backend } },
    });
    expect(hello?.fields).not.toHaveProperty('knows');
    expect(idOf(hello)).not.toBe(idOf(staleHello));
    expect(proxy.connections).toHaveLength(3);
    expect(broker.stats()).toMatchObject({ handedOff: 2, reconnected: {}, errors: { staleBackend: 1 } });
    expect(broker.backends()[0]).toMatchObject({ attempts: 2, state: 'idle' });
    // It knows the new one.
    await echo({ socketPath });
    expect(framesOf(proxy.connections[3]?.sent())).toMatchObject([
      { fields: { knows: { backend: backendOf(broker) } } },
    ]);
    await proxy.stop();
  });

  it('is refused with another backend, and a stamp of long ago or of the future, and nothing is counted', async () => {
    let decisions = 0;
    const broker = await start('echo', {
      helloTimeoutMs: 2000,
      adjustInputs: (inputs) => {
        decisions += 1;
        return inputs;
      },
    });
    const transfers: unknown[] = [];
    broker.on('transfer', (event) => transfers.push(event));
    const now = stopTheClock();
    const backend = backendOf(broker);
    for (const knows of [
      { backend: 'b'.repeat(32), stamp: now },
      { backend, stamp: now + 1.5 },
      { backend, stamp: 1e300 },
      { backend, stamp: now - 3001 },
      { backend, stamp: 0 },
    ]) {
      for (const handoff of [true, false]) {
        const [frame, ...others] = await answerTo(broker, { knows, handoff });
        expect(others).toEqual([]);
        expect(frame).toEqual({
          type: 'error',
          fields: { code: 'staleBackend', message: expect.any(String), retryable: true },
        });
      }
    }
    const [status] = broker.backends();
    expect(broker.controller.failedAttemptCount(status?.backend ?? '')).toBe(0);
    expect(status).toMatchObject({ attempts: 0, state: 'idle' });
    expect(status).not.toHaveProperty('window');
    expect({ decisions, transfers }).toEqual({ decisions: 0, transfers: [] });
    expect(broker.stats()).toMatchObject({ handedOff: 0, reconnected: {}, abandoned: 0 });
  });

  it('whose hello was long on its way is told all the same, with its own stamp', async () => {
    const broker = await start('echo', { helloTimeoutMs: 2000 });
    const now = stopTheClock();
    const backend = backendOf(broker);
    for (const [age, types] of [
      [50, ['ready']],
      [51, ['handoff', 'ready']],
      [3000, ['handoff', 'ready']],
    ] as const) {
      const stamp = now - age;
      const frames = await answerTo(broker, { knows: { backend, stamp } });
      expect(frames.map(({ type }) => type)).toEqual(types);
      if (frames.length > 1) expect(frames[0]).toMatchObject({ fields: { backend, stamp, knows: true } });
    }
  });

  it.each([
    ['permission', true, 'permissionDenied'],
    ['echo', false, 'clientUnsupported'],
  ])(
    'goes on with its own stamp where the answer is to reconnect (%s, %p)',
    async (mode, handoff, reason) => {
      const broker = await start(mode);
      const stamp = stopTheClock();
      const backend = backendOf(broker);
      const id = 'a'.repeat(32);
      const [frame, ...others] = await answerTo(broker, { id, handoff, knows: { backend, stamp } });
      expect(others).toEqual([]);
      expect(frame).toMatchObject({ type: 'reconnect', fields: { reason, backend, stamp } });
      const socket = connectSocket({ path: String(frame?.fields.endpoint), allowHalfOpen: true });
      socket.end(rawFrame(5, { id, backend, stamp }));
      expect(framesOf(await readAll(socket))).toMatchObject([{ type: 'ready' }]);
      socket.destroy();
    },
  );

  it('uses the endpoint when a backend never acknowledges, and asks anew afterwards', async () => {
    const record = brokers.path('record');
    const broker = await start('holdLater', {
      services: [fixtureService('holdLater', { env: { RECORD: record } })],
      ackDeadlineMs: 150,
    });
    const failures: string[] = [];
    broker.on('transfer', ({ failure }) => failure !== undefined && failures.push(failure));
    const { socketPath, proxy } = await tap(broker);
    expect(await echo({ socketPath }, 'a')).toMatchObject({ route: 'handedOff' });
    for (const text of ['b', 'c']) {
      expect(await echo({ socketPath }, text)).toMatchObject({
        route: 'reconnected',
        reason: 'backendAckTimeout',
      });
    }
    await eventually(() => failures.length === 2);
    expect(failures).toEqual(['backendAckTimeout', 'backendAckTimeout']);
    const hellos = proxy.connections.map(({ sent }) => framesOf(sent())[0]?.fields);
    expect(hellos.map((fields) => 'knows' in (fields ?? {}))).toEqual([false, true, false]);
    const runs = ['handedOff a', 'reconnected b', 'reconnected c'];
    const recorded = (): string[] => (existsSync(record) ? readFileSync(record, 'utf8').split('\n') : []);
    await eventually(() => recorded().length > runs.length);
    expect(recorded().filter(Boolean)).toEqual(runs);
    await proxy.stop();
  });

  it('is served though the broker dies with its hello', async () => {
    const record = brokers.path('record');
    const socketPath = brokers.path('broker.sock');
    const options = {
      socketPath,
      stateDirectory: brokers.path('state'),
      services: [fixtureService('echo', { env: { RECORD: record } })],
      ackDeadlineMs: LONG_MS,
    };
    const { broker, backends } = await BrokerProcess.start(options);
    for (const backend of backends) brokers.watch(backend);
    await echo({ socketPath }, 'a');
    broker.child.kill('SIGSTOP');
    const orphan = echo({ socketPath }, 'b');
    // The kernel has taken the connection for the broker, and the hello.
    await new Promise(setImmediate);
    await broker.kill();
    expect(await orphan).toMatchObject({ route: 'reconnected' });
    await eventually(() => readFileSync(record, 'utf8') === 'handedOff a\nreconnected b\n');
    // The next one asks for the backend that both know.
    await brokers.start(options);
    expect(await echo({ socketPath }, 'c')).toMatchObject({ reason: 'adoptedBackend' });
  });
});
