import { existsSync, readFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import type { Broker, BrokerOptions } from '../../src/broker';
import { monotonicNow } from '../../src/net/monotonicNow';
import { eventually } from '../support/eventually';
import { rawFrame, rawHello, takeFrames } from './independentClient';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { echoBy, settled } from './support/echo';
import { readAll } from './support/readAll';
import { TapProxy } from './support/TapProxy';
import { fixtureService } from './support/TestBrokers';

// A clock that tests can stop: how busy the machine is must not decide how old a stamp is when it arrives.
jest.mock('../../src/net/monotonicNow', () => {
  const actual = jest.requireActual('../../src/net/monotonicNow');
  return { monotonicNow: jest.fn(actual.monotonicNow) };
});

/** For a deadline that has to pass, though a client is to be served before it. */
const SHORT_DEADLINE_MS = 3000;

const idOf = (frame: unknown): unknown => (frame as { fields: { id: unknown } }).fields.id;

describe('a client that knows its backend', () => {
  const brokers = brokersOfEachTest();

  afterEach(() => {
    jest.mocked(monotonicNow).mockReset();
    jest
      .mocked(monotonicNow)
      .mockImplementation(jest.requireActual('../../src/net/monotonicNow').monotonicNow);
  });

  function stopTheClock(): number {
    const now = Math.floor(monotonicNow());
    jest.mocked(monotonicNow).mockReturnValue(now);
    return now;
  }

  const start = (mode: string, options: Partial<BrokerOptions> = {}): Promise<Broker> =>
    brokers.start({ services: [fixtureService(mode)], ...options });

  async function tap(brokerPath: string) {
    const socketPath = brokers.path('tap.sock');
    const proxy = await TapProxy.start(socketPath, brokerPath);
    brokers.atEnd(() => proxy.stop());
    return { socketPath, proxy };
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

  it('is handed over without an announcement', async () => {
    const broker = await start('echo');
    const { socketPath, proxy } = await tap(broker.socketPath);
    const stamp = stopTheClock();
    for (const text of ['a', 'b', 'c', 'd']) {
      expect(await echoBy({ socketPath }, text)).toMatchObject({ route: 'handedOff' });
    }
    expect(await echoBy({ socketPath }, 'e', { handoff: false })).toMatchObject({
      reason: 'clientUnsupported',
    });
    await settled(broker);
    // The third asks again, for there may be replicas.
    const [first, second, third, fourth, fifth] = proxy.connections;
    expect(framesOf(first?.received())).toMatchObject([
      { type: 'handoff', fields: { knows: true, stamp } },
      { type: 'ready' },
    ]);
    const backend = backendOf(broker);
    for (const later of [second, fourth]) {
      expect(framesOf(later?.sent())).toMatchObject([
        { type: 'hello', fields: { handoff: true, knows: { backend, stamp } } },
      ]);
      expect(framesOf(later?.received())).toEqual([{ type: 'ready', fields: {} }]);
    }
    for (const unknowing of [first, third, fifth]) {
      expect(framesOf(unknowing?.sent())[0]?.fields).not.toHaveProperty('knows');
    }
    expect(broker.stats()).toMatchObject({ handedOff: 4, errors: {}, abandoned: 0 });
  });

  it('learns at once that the backend is another process, and starts again', async () => {
    const broker = await start('echo');
    const { socketPath, proxy } = await tap(broker.socketPath);
    await echoBy({ socketPath });
    const key = broker.backends()[0]?.backend;
    if (key === undefined) throw new Error('the broker has no backend');
    await broker.respawnBackend(key);
    expect(await echoBy({ socketPath })).toMatchObject({ route: 'handedOff' });
    await settled(broker);
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
    await echoBy({ socketPath });
    expect(framesOf(proxy.connections[3]?.sent())).toMatchObject([
      { fields: { knows: { backend: backendOf(broker) } } },
    ]);
  });

  it('is refused with another backend, or an old or future stamp, and nothing is counted', async () => {
    let decisions = 0;
    const broker = await start('echo', {
      helloTimeoutMs: 20_000,
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
      { backend, stamp: now - 21_001 },
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

  it('whose hello was delayed still gets an announcement, with its own stamp', async () => {
    const broker = await start('echo', { helloTimeoutMs: 20_000 });
    const now = stopTheClock();
    const backend = backendOf(broker);
    for (const [age, types] of [
      [50, ['ready']],
      [51, ['handoff', 'ready']],
      [21_000, ['handoff', 'ready']],
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

  it('uses the endpoint when a backend never acknowledges, and asks the broker afterwards', async () => {
    const record = brokers.path('record');
    const broker = await start('holdLater', {
      services: [fixtureService('holdLater', { env: { RECORD: record } })],
      ackDeadlineMs: SHORT_DEADLINE_MS,
    });
    const failures: string[] = [];
    broker.on('transfer', ({ failure }) => failure !== undefined && failures.push(failure));
    const { socketPath, proxy } = await tap(broker.socketPath);
    expect(await echoBy({ socketPath }, 'a')).toMatchObject({ route: 'handedOff' });
    for (const text of ['b', 'c']) {
      expect(await echoBy({ socketPath }, text)).toMatchObject({
        route: 'reconnected',
        reason: 'backendAckTimeout',
      });
    }
    await eventually('two failures', () => failures.length === 2);
    expect(failures).toEqual(['backendAckTimeout', 'backendAckTimeout']);
    const hellos = proxy.connections.map(({ sent }) => framesOf(sent())[0]?.fields);
    expect(hellos.map((fields) => 'knows' in (fields ?? {}))).toEqual([false, true, false]);
    const runs = ['handedOff a', 'reconnected b', 'reconnected c'];
    const recorded = (): string[] => (existsSync(record) ? readFileSync(record, 'utf8').split('\n') : []);
    await eventually('all requests to be recorded', () => recorded().length > runs.length);
    expect(recorded().filter(Boolean)).toEqual(runs);
  });

  it('is served even if the broker dies with its hello', async () => {
    const record = brokers.path('record');
    const options = {
      socketPath: brokers.path('broker.sock'),
      stateDirectory: brokers.path('state'),
      services: [fixtureService('echo', { env: { RECORD: record } })],
    };
    const { broker } = await brokers.startProcess(options);
    const { socketPath, proxy } = await tap(options.socketPath);
    await echoBy({ socketPath }, 'a');
    broker.child.kill('SIGSTOP');
    const orphan = echoBy({ socketPath }, 'b');
    // The kernel has taken the connection for the broker, and somebody the hello.
    await eventually('the hello', () => framesOf(proxy.connections[1]?.sent()).length > 0);
    await broker.kill();
    expect(await orphan).toMatchObject({ route: 'reconnected' });
    await eventually(
      'both requests to be recorded',
      () => readFileSync(record, 'utf8') === 'handedOff a\nreconnected b\n',
    );
    // The next one adopts the backend and hands over to it.
    await brokers.start(options);
    expect(await echoBy({ socketPath }, 'c')).toMatchObject({ route: 'handedOff' });
  });
});
