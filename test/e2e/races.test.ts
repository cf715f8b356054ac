import { existsSync, readFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import type { Broker, BrokerOptions, RouteEvent } from '../../src/broker';
import { createNodeIpcTransport } from '../../src/broker';
import type { ConnectOptions } from '../../src/client';
import { eventually } from '../support/eventually';
import { rawFrame, rawHello, takeFrames } from './independentClient';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { changeChannel } from './support/changeChannel';
import { dial, echo, settled } from './support/echo';
import { readAll, readBytes } from './support/readAll';
import { fixtureService } from './support/TestBrokers';

const SHORT_DEADLINE_MS = 150;
/** For a deadline that has to pass, though a client is to be served before it. */
const LATER_DEADLINE_MS = 3000;

describe('a handoff under races and faults', () => {
  const brokers = brokersOfEachTest();

  async function start(mode: string, options: Partial<BrokerOptions> = {}): Promise<Broker> {
    return brokers.start({ services: [fixtureService(mode)], ...options });
  }

  const open = (broker: Broker, options: Partial<ConnectOptions> = {}) =>
    dial(broker, { earlyData: 'x', allowHalfOpen: true, ...options });

  function failuresOf(broker: Broker): string[] {
    const failures: string[] = [];
    broker.on('transfer', ({ failure }) => failure !== undefined && failures.push(failure));
    return failures;
  }

  const pidOf = (broker: Broker): number => broker.backends()[0]?.pid ?? Number.NaN;

  /** How often a request was run, by the backend's own account. */
  function runsOf(record: string, request: string): number {
    if (!existsSync(record)) return 0;
    return readFileSync(record, 'utf8')
      .split('\n')
      .filter((line) => line.endsWith(` ${request}`)).length;
  }

  it.each([
    ['permission', 'permissionDenied'],
    ['integrity', 'integrityMismatch'],
    ['refuseThrows', 'integrityMismatch'],
  ])('a refusal (%s) sends the client to the endpoint', async (mode, reason) => {
    // The client must be told, not find out.
    const broker = await start(mode);
    const failures = failuresOf(broker);
    expect(await echo(broker, 'once')).toMatchObject({ route: 'reconnected', reason });
    expect(failures).toEqual([reason]);
    expect(broker.stats()).toMatchObject({ handedOff: 0, reconnected: { [reason]: 1 }, abandoned: 0 });
  });

  it.each(['EPERM', 'EACCES'])('a transport denied with %s counts as permissionDenied', async (code) => {
    const transport = changeChannel(createNodeIpcTransport(), () => ({
      send: (_message, _socket, callback) =>
        process.nextTick(callback, Object.assign(new Error('denied'), { code })),
    }));
    const broker = await start('echo', { transport });
    expect(await echo(broker, 'a')).toMatchObject({ route: 'reconnected', reason: 'permissionDenied' });
    expect(await echo(broker, 'b')).toMatchObject({ route: 'reconnected', reason: 'permissionDenied' });
  });

  it('a transport that throws, or fails otherwise, counts as backendAckTimeout', async () => {
    let sends = 0;
    const transport = changeChannel(createNodeIpcTransport(), () => ({
      send: (_message, _socket, callback) => {
        sends += 1;
        if (sends === 1) throw new Error('thrown');
        callback(Object.assign(new Error('told'), { code: 'EPIPE' }));
      },
    }));
    const broker = await start('echo', { transport });
    const failures = failuresOf(broker);
    expect(await echo(broker, 'a')).toMatchObject({ route: 'reconnected', reason: 'backendAckTimeout' });
    expect(await echo(broker, 'b')).toMatchObject({ route: 'reconnected', reason: 'backendAckTimeout' });
    expect(failures).toEqual(['backendAckTimeout', 'backendAckTimeout']);
  });

  it('an unsupported transport has its own reason, unless the policy forbids handoff', async () => {
    const broker = await start('echo', { transport: { ...createNodeIpcTransport(), supported: false } });
    expect(await echo(broker, 'a')).toMatchObject({ route: 'reconnected', reason: 'handleUnavailable' });
    expect(
      broker.explain({ serviceName: 'echo', serviceVersion: '1.0.0', instance: broker.instance }),
    ).toMatchObject({
      decision: { reason: 'handleUnavailable' },
      because: expect.stringMatching(/^The connection.s handle can.t be passed: .*\.$/),
    });
    broker.setServiceHandoff('echo', undefined, false);
    expect(await echo(broker, 'b')).toMatchObject({ route: 'reconnected', reason: 'servicePolicyDisabled' });
    expect(broker.stats().reconnected).toEqual({ handleUnavailable: 1, servicePolicyDisabled: 1 });
  });

  it.each(['hold', 'drop'])(
    'a backend that takes the handle and says nothing (%s) is left at the deadline',
    async (mode) => {
      const broker = await start(mode, { ackDeadlineMs: SHORT_DEADLINE_MS });
      const failures = failuresOf(broker);
      expect(await echo(broker, 'a')).toMatchObject({ route: 'reconnected', reason: 'backendAckTimeout' });
      expect(failures).toHaveLength(1);
      // The backend answered the question for its channel, so the next handle is sent, and not kept from it.
      expect(await echo(broker, 'b')).toMatchObject({ route: 'reconnected', reason: 'backendAckTimeout' });
      expect(failures).toEqual(['backendAckTimeout', 'backendAckTimeout']);
    },
  );

  it('a backend that serves but never acknowledges serves once', async () => {
    const record = brokers.path('record');
    const broker = await start('noAck', {
      services: [fixtureService('noAck', { env: { RECORD: record } })],
      ackDeadlineMs: LATER_DEADLINE_MS,
    });
    const failures = failuresOf(broker);
    expect(await echo(broker, 'only once')).toMatchObject({ route: 'handedOff' });
    expect(failures).toEqual(['backendAckTimeout']);
    expect(runsOf(record, 'only once')).toBe(1);
  });

  it('an acknowledgement after the deadline changes nothing and is counted', async () => {
    const broker = await start('lateAck', { ackDeadlineMs: LATER_DEADLINE_MS });
    const failures = failuresOf(broker);
    expect(await echo(broker, 'late')).toMatchObject({ route: 'handedOff' });
    expect(failures).toHaveLength(1);
    process.kill(pidOf(broker), 'SIGUSR2');
    await eventually('the late answer', () => broker.stats().lateAcks === 1);
    expect(broker.stats()).toMatchObject({
      handedOff: 0,
      unknownAcks: 0,
      reconnected: { backendAckTimeout: 1 },
    });
  });

  it('a malformed answer counts as integrityMismatch', async () => {
    const broker = await start('badAck');
    const failures = failuresOf(broker);
    expect(await echo(broker, 'a')).toMatchObject({ route: 'handedOff' });
    expect(failures).toEqual(['integrityMismatch']);
    expect(broker.stats()).toMatchObject({ malformedAcks: 1, unknownAcks: 0 });
    // Not stuck behind the first.
    expect(await echo(broker, 'b')).toMatchObject({ route: 'handedOff' });
    expect(failures).toHaveLength(2);
  });

  it("messages of the application's own on the channel are none of ours", async () => {
    const broker = await start('chatty', { transport: createNodeIpcTransport() });
    expect(await echo(broker, 'a')).toMatchObject({ route: 'handedOff' });
    expect(broker.stats().unknownAcks).toBe(0);
  });

  it('a backend stopped through the deadline serves each request once when it continues', async () => {
    const record = brokers.path('record');
    const broker = await start('echo', {
      services: [fixtureService('echo', { env: { RECORD: record } })],
      ackDeadlineMs: SHORT_DEADLINE_MS,
    });
    const failures = failuresOf(broker);
    for (let round = 0; round < 5; round += 1) {
      failures.length = 0;
      process.kill(pidOf(broker), 'SIGSTOP');
      const names = ['a', 'b', 'c', 'd'].map((name) => `${name}${round}`);
      const clients = names.map((name) => echo(broker, name));
      await eventually('the deadline of each', () => failures.length === names.length);
      process.kill(pidOf(broker), 'SIGCONT');
      await Promise.all(clients);
      for (const name of names) await eventually('its record', () => runsOf(record, name) === 1);
      // The window would suppress handoff in a later round.
      broker.controller.recordSuccess(broker.backends()[0]?.backend ?? '');
    }
  });

  it('a backend killed while it is stopped with handles in its channel loses no client', async () => {
    const record = brokers.path('record');
    const broker = await start('echo', {
      services: [fixtureService('echo', { env: { RECORD: record } })],
    });
    const announced = new Promise<void>((resolve) => {
      broker.on('transfer', ({ state }) => state === 'sent' && resolve());
    });
    const pid = pidOf(broker);
    process.kill(pid, 'SIGSTOP');
    const clients = ['a', 'b', 'c', 'd', 'e'].map((name) => echo(broker, name));
    await announced;
    process.kill(pid, 'SIGKILL');
    await Promise.all(clients);
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      await eventually(`the record of ${name}`, () => runsOf(record, name) === 1);
    }
    expect(broker.stats().reconnected.backendAckTimeout).toBeGreaterThanOrEqual(1);
  });

  it.each(['dieWithHandle', 'disconnect'])(
    'a backend that dies or leaves its channel with the handle (%s): the client is served',
    async (mode) => {
      const record = brokers.path('record');
      const broker = await start(mode, {
        services: [fixtureService(mode, { marker: brokers.path('marker'), env: { RECORD: record } })],
        stopTimeoutMs: 500,
      });
      await echo(broker, 'a');
      await eventually('its record', () => runsOf(record, 'a') === 1);
      expect(broker.stats().reconnected.backendAckTimeout).toBe(1);
    },
  );

  it('a backend that dies after ready is a lost connection and no repeat', async () => {
    const record = brokers.path('record');
    const broker = await start('dieAfterReady', {
      services: [
        fixtureService('dieAfterReady', { marker: brokers.path('marker'), env: { RECORD: record } }),
      ],
    });
    const { socket, route } = await open(broker);
    expect(route).toBe('handedOff');
    await expect(readAll(socket)).rejects.toMatchObject({ code: 'connectionLost' });
    expect(readFileSync(record, 'utf8')).toBe('handedOff died with it\n');
    await echo(broker, 'after it');
  });

  it('transfers over the bound reconnect, and change no window', async () => {
    const broker = await start('echo', { maxTransfersPerBackend: 1 });
    const failures = failuresOf(broker);
    process.kill(pidOf(broker), 'SIGSTOP');
    const isSent = new Promise<void>((resolve) => {
      broker.on('transfer', ({ state }) => state === 'sent' && resolve());
    });
    const first = echo(broker, 'first');
    await isSent;
    const limited = new Promise<RouteEvent>((resolve) => broker.once('route', resolve));
    const second = echo(broker, 'second');
    expect(await limited).toMatchObject({ route: 'reconnected', reason: 'transferLimit' });
    expect(broker.backends()[0]).toMatchObject({ inFlight: 1, queued: 0, state: 'attempting' });
    process.kill(pidOf(broker), 'SIGCONT');
    expect(await first).toMatchObject({ route: 'handedOff' });
    expect(await second).toMatchObject({ route: 'reconnected', reason: 'transferLimit' });
    expect(failures).toEqual([]);
    expect(broker.stats().abandoned).toBe(1);
  });

  it('the bounds of all transfers and of one backend both hold, until transfers end', async () => {
    const broker = await start('echo', {
      services: [fixtureService(), fixtureService('echo', { name: 'other' })],
      maxTransfers: 3,
      maxTransfersPerBackend: 2,
    });
    const failures = failuresOf(broker);
    const pids = broker.backends().map(({ pid = Number.NaN }) => pid);
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    const routes: RouteEvent[] = [];
    broker.on('route', (event) => routes.push(event));
    const inFlight = (): number[] => broker.backends().map((backend) => backend.inFlight);
    const clients: Promise<{ route: string }>[] = [];
    const add = (service: string): number =>
      clients.push(
        open(broker, { service, earlyData: `client ${clients.length}` }).then(async (connection) => {
          connection.socket.end();
          return { ...connection, text: String(await readAll(connection.socket)) };
        }),
      );

    add('echo');
    add('echo');
    await eventually('two transfers to the first', () => inFlight()[0] === 2);
    // Over the one backend's bound, with room in all.
    add('echo');
    await eventually('the first answer', () => routes.length === 1);
    add('other');
    await eventually('a transfer to the second', () => inFlight()[1] === 1);
    // Over the bound in all, with room at the backend.
    add('other');
    await eventually('the second answer', () => routes.length === 2);
    expect(routes).toMatchObject([
      { backend: { serviceName: 'echo' }, route: 'reconnected', reason: 'transferLimit' },
      { backend: { serviceName: 'other' }, route: 'reconnected', reason: 'transferLimit' },
    ]);
    // Nobody was waited for.
    expect(inFlight()).toEqual([2, 1]);

    for (const pid of pids) process.kill(pid, 'SIGCONT');
    const handedOff = { route: 'handedOff' };
    const limited = { route: 'reconnected', reason: 'transferLimit' };
    expect(await Promise.all(clients)).toMatchObject(
      [handedOff, handedOff, limited, handedOff, limited].map((expected, i) => ({
        ...expected,
        text: `client ${i}`,
      })),
    );
    await settled(broker);
    add('echo');
    add('other');
    expect(await Promise.all(clients.slice(-2))).toMatchObject([handedOff, handedOff]);
    await settled(broker);
    expect(failures).toEqual([]);
    expect(broker.stats()).toMatchObject({
      handedOff: 5,
      reconnected: { transferLimit: 2 },
      abandoned: 2,
      errors: {},
    });
    expect(broker.backends()).toMatchObject([{ state: 'idle' }, { state: 'idle' }]);
  });

  it('transfers that expire in the queue reconnect and are never sent', async () => {
    // Over which one handle goes at a time.
    const transport = createNodeIpcTransport();
    const broker = await start('echo', { transport, ackDeadlineMs: SHORT_DEADLINE_MS });
    process.kill(pidOf(broker), 'SIGSTOP');
    const states: string[] = [];
    broker.on('transfer', ({ state, connectionId }) => states.push(`${connectionId} ${state}`));
    const routes: RouteEvent[] = [];
    broker.on('route', (event) => routes.push(event));
    const clients = ['a', 'b', 'c'].map((name) => echo(broker, name));
    await eventually('the deadline of each', () => routes.length === 3);
    process.kill(pidOf(broker), 'SIGCONT');
    await Promise.all(clients);
    expect(states.filter((state) => state.endsWith(' sent'))).toHaveLength(1);
    expect(states.filter((state) => state.endsWith(' failed'))).toHaveLength(3);
  });

  it('a full claim table is a bound, not a failure: the client is served when there is room', async () => {
    const broker = await start('tinyClaims');
    await echo(broker, 'takes the one claim');
    await expect(open(broker, { connectTimeoutMs: LATER_DEADLINE_MS })).rejects.toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('busy'),
    });
    // The last of its attempts may have been on its way.
    await settled(broker);
    expect(broker.stats()).toMatchObject({ reconnected: { transferLimit: expect.any(Number) } });
    expect(broker.backends()[0]?.state).toBe('idle');
  });

  it('a client that leaves at any step affects nobody else', async () => {
    // Over which one handle goes at a time.
    const broker = await start('echo', { transport: createNodeIpcTransport() });
    const hello = rawHello();
    // Before the hello, in the middle of it, and right behind it.
    for (const size of [0, 3, 20, hello.length]) {
      const socket = connectSocket(broker.socketPath);
      await new Promise((resolve) => socket.write(hello.subarray(0, size), resolve));
      socket.destroy();
    }
    // While its turn hasn't come: the broker finds out when it announces the handle.
    process.kill(pidOf(broker), 'SIGSTOP');
    const sent = new Promise<void>((resolve) => {
      broker.on('transfer', ({ state }) => state === 'sent' && resolve());
    });
    const first = echo(broker, 'first');
    await sent;
    const controller = new AbortController();
    const second = open(broker, { signal: controller.signal });
    await eventually('the second to wait for its turn', () => broker.backends()[0]?.queued === 1);
    controller.abort(new Error('changed my mind'));
    await expect(second).rejects.toMatchObject({ code: 'aborted', cause: new Error('changed my mind') });
    process.kill(pidOf(broker), 'SIGCONT');
    await first;
    await eventually('the client to be missed', () => broker.stats().abandoned >= 1);
    await echo(broker, 'goes on');
    expect(broker.backends()[0]?.state).toBe('idle');
  });

  describe('an attach', () => {
    async function attach(broker: Broker, change: Record<string, unknown>) {
      const first = connectSocket(broker.socketPath);
      const id = 'a'.repeat(32);
      first.write(rawHello({ id, handoff: false }));
      const { frames } = takeFrames(await readAll(first));
      first.destroy();
      const { backend, stamp, endpoint } = frames[0]?.fields ?? {};
      const socket = connectSocket({ path: String(endpoint), allowHalfOpen: true });
      socket.write(rawFrame(5, { id, backend, stamp, ...change }));
      const type = (await readBytes(socket, 6))[5];
      if (type === 6) socket.end();
      return { type, socket };
    }

    it('to another process, with a stamp of the past or the future, is refused', async () => {
      const broker = await start('echo');
      for (const change of [{ backend: 'b'.repeat(32) }, { stamp: 0 }, { stamp: 1e15 }]) {
        const { type, socket } = await attach(broker, change);
        expect(type).toBe(4);
        socket.destroy();
      }
      // Nothing of that has claimed the id.
      const { type, socket } = await attach(broker, {});
      expect(type).toBe(6);
      socket.destroy();
    });

    it('with a claimed id gets claimed', async () => {
      const broker = await start('echo');
      const first = await attach(broker, {});
      const second = await attach(broker, {});
      expect([first.type, second.type]).toEqual([6, 7]);
      first.socket.destroy();
      second.socket.destroy();
    });

    it('that is incomplete, too long or not an attach is refused', async () => {
      const broker = await start('shortHello');
      const endpoint = broker.backends()[0]?.endpoint ?? '';
      for (const [bytes, code, retryable] of [
        [rawFrame(5, {}).subarray(0, 5), 'helloTimeout', true],
        [rawFrame(5, {}), 'badFrame', false],
        [rawFrame(6, {}), 'badFrame', false],
        [Buffer.alloc(100, 255), 'badFrame', false],
      ] as const) {
        const socket = connectSocket(endpoint);
        socket.write(bytes);
        const { frames } = takeFrames(await readAll(socket));
        expect(frames).toMatchObject([{ type: 'error', fields: { code, retryable } }]);
      }
    });

    it('over the bound of pending attaches gets busy', async () => {
      const broker = await start('oneVisitor');
      const endpoint = broker.backends()[0]?.endpoint ?? '';
      const sockets = [connectSocket(endpoint), connectSocket(endpoint)];
      // Which of the two depends on how long the first one has waited.
      const { frames } = takeFrames(await Promise.race(sockets.map(readAll)));
      expect(frames).toMatchObject([{ type: 'error', fields: { code: 'busy', retryable: true } }]);
      for (const socket of sockets) socket.destroy();
    });

    it('whose claim is too old starts again', async () => {
      // By the deadline the stamp is older than a claim may be.
      const broker = await start('shortClaims', { ackDeadlineMs: LATER_DEADLINE_MS });
      let routes = 0;
      broker.on('route', () => {
        routes += 1;
      });
      process.kill(pidOf(broker), 'SIGSTOP');
      const failed = new Promise<void>((resolve) => {
        broker.on('transfer', ({ state }) => state === 'failed' && resolve());
      });
      const client = echo(broker, 'in the end');
      await failed;
      process.kill(pidOf(broker), 'SIGCONT');
      await client;
      await eventually('another route', () => routes > 1);
    });
  });
});
