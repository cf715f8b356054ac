import {
  type Broker,
  type BrokerOptions,
  type BrokerWarning,
  createNodeIpcTransport,
  type HandoffChannel,
  type HandoffChannelListener,
  type HandoffTransport,
} from '../../src/broker';
import { askStatus } from '../../src/cli/status/askStatus';
import { connect } from '../../src/client';
import type { Clock } from '../../src/index';
import { eventually } from '../support/eventually';
import { changeChannel } from './support/changeChannel';
import { readBytes } from './support/readAll';
import { fixtureService, TestBrokers } from './support/TestBrokers';

function mine(): never {
  throw new Error('mine');
}

async function rejects(): Promise<never> {
  throw new Error('mine');
}

/** A promise of what would be right is wrong, and so is anything else that isn't asked for. */
const wrong = (answer: unknown) => () => answer as never;

describe('a mistake in a callback of a broker', () => {
  const brokers = new TestBrokers();
  let warnings: BrokerWarning[];

  let emitWarning: jest.SpyInstance;

  beforeEach(() => {
    emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation();
  });

  afterEach(async () => {
    emitWarning.mockRestore();
    expect(await brokers.stop()).toEqual([]);
  });

  const said = (): string[] => emitWarning.mock.calls.map(([message]) => String(message));

  async function start(options: Partial<BrokerOptions>): Promise<Broker> {
    const broker = await brokers.start(options);
    warnings = [];
    broker.on('warning', (warning) => warnings.push(warning));
    return broker;
  }

  async function echo({ socketPath }: Broker, service = 'echo') {
    const { socket, route, reason } = await connect({ socketPath, service, earlyData: 'hi' });
    expect(String(await readBytes(socket, 2))).toBe('hi');
    socket.destroy();
    return { route, reason };
  }

  const settled = (broker: Broker) =>
    eventually('nothing to be in flight', () => broker.backends().every(({ inFlight }) => inFlight === 0));

  it.each<[string, Partial<BrokerOptions>, RegExp]>([
    ['fdPressure throws', { fdPressure: mine }, /mine/],
    ['fdPressure rejects', { fdPressure: rejects as never }, /fdPressure must be a boolean/],
    ['fdPressure is async', { fdPressure: wrong(Promise.resolve(false)) }, /fdPressure must be a boolean/],
    ['fdPressure answers 1', { fdPressure: wrong(1) }, /fdPressure must be a boolean.*but is 1$/],
    ['fdPressure answers nothing', { fdPressure: wrong(undefined) }, /fdPressure.*but is undefined/],
    ['adjustInputs throws', { adjustInputs: mine }, /mine/],
    ['adjustInputs rejects', { adjustInputs: rejects as never }, /adjustInputs must be HandoffAttemptInputs/],
    [
      'adjustInputs is async',
      { adjustInputs: (async (inputs: unknown) => inputs) as never },
      /adjustInputs must be HandoffAttemptInputs/,
    ],
    ['adjustInputs answers true', { adjustInputs: wrong(true) }, /adjustInputs must be.*but is true/],
    [
      'adjustInputs answers a number among the inputs',
      { adjustInputs: (inputs) => ({ ...inputs, fdPressureDisabled: 0 as never }) },
      /adjustInputs\(\)\.fdPressureDisabled must be a boolean, but is 0$/,
    ],
    [
      'adjustInputs answers an unknown input',
      { adjustInputs: (inputs) => ({ ...inputs, backendAdopedExisting: true }) },
      /unknown option `adjustInputs\(\)\.backendAdopedExisting`; did you mean `backendAdoptedExisting`\?$/,
    ],
    ['adjustInputs answers an array', { adjustInputs: wrong([]) }, /adjustInputs must be.*an empty array$/],
    ['adjustInputs answers null', { adjustInputs: wrong(null) }, /adjustInputs must be.*but is null$/],
  ])('%s: clients reconnect, status works, and the broker warns', async (_, options, message) => {
    const broker = await start(options);
    for (let n = 0; n < 2; n++) {
      expect(await echo(broker)).toEqual({ route: 'reconnected', reason: 'checkFailed' });
    }
    const { backends } = await askStatus(broker.socketPath);
    // `adjustInputs` is asked about requests that there are, and not for a status.
    const isAsked = options.adjustInputs === undefined;
    expect(backends.map(({ next }) => next.answer)).toEqual([isAsked ? 'checkFailed' : 'attempt']);
    expect(warnings[0]).toMatchObject({ code: 'checkFailed', message: expect.stringMatching(message) });
    expect(broker.backends()[0]?.state).toBe('idle');
  });

  it.each([
    ['throws', mine],
    ['rejects', rejects],
  ])('a listener that %s: the others are called, and the broker warns', async (_, listener) => {
    const broker = await start({});
    const told: string[] = [];
    broker.on('route', listener);
    broker.on('route', ({ route }) => told.push(route));
    expect(await echo(broker)).toEqual({ route: 'handedOff', reason: undefined });
    await settled(broker);
    expect(told).toEqual(['handedOff']);
    await eventually('the warning', () => warnings.length === 1);
    expect(warnings[0]).toMatchObject({
      code: 'listenerFailed',
      message: expect.stringMatching(/route.*mine/),
    });
  });

  it.each([
    ['throws', mine],
    ['rejects', rejects],
  ])('a listener of warnings that %s: Node emits the warning', async (_, listener) => {
    const broker = await start({});
    broker.on('warning', listener);
    broker.on('route', mine);
    await echo(broker);
    await eventually('Node to say it', () => said().some((message) => /warning.*mine/.test(message)));
    // The others were told all the same.
    expect(warnings.map(({ code }) => code)).toContain('listenerFailed');
  });

  it('a mistake without a listener: Node emits the warning', async () => {
    const broker = await brokers.start();
    broker.on('route', mine);
    await echo(broker);
    await eventually('Node to say it', () => said().some((message) => /route.*mine/.test(message)));
  });

  it.each<[string, BrokerOptions['inspect']]>([
    ['throws', mine],
    ['rejects', rejects as never],
    ['throws in its method', { next: mine }],
  ])('inspect %s: clients are served', async (_, inspect) => {
    const broker = await start({
      inspect,
      services: [fixtureService(), fixtureService('permission', { name: 'no' })],
    });
    expect(await echo(broker)).toEqual({ route: 'handedOff', reason: undefined });
    await settled(broker);
    expect(warnings[0]).toMatchObject({ code: 'listenerFailed', message: 'inspect failed: mine' });
  });

  it('an observer of the controller throws or rejects: clients are served', async () => {
    const broker = await start({});
    broker.controller.inspect(mine);
    broker.controller.inspect(rejects as never);
    expect(await echo(broker)).toEqual({ route: 'handedOff', reason: undefined });
    await settled(broker);
    expect(warnings[0]).toMatchObject({ code: 'listenerFailed' });
  });

  it.each<[string, Partial<Clock>]>([
    ['now throws', { now: mine }],
    ['now rejects', { now: rejects as never }],
    ['now answers no number', { now: wrong('today') }],
    ['now answers NaN', { now: () => Number.NaN }],
    ['setTimeout throws', { setTimeout: mine }],
    ['setTimeout rejects', { setTimeout: rejects }],
    ['clearTimeout throws', { clearTimeout: mine }],
    ['clearTimeout rejects', { clearTimeout: rejects as never }],
    ['wallNow throws', { wallNow: mine }],
    ['wallNow answers a promise', { wallNow: rejects as never }],
  ])(
    'clock.%s: attempts that fail and that succeed are counted, and the broker stops',
    async (_, mistake) => {
      const working: Clock = {
        now: () => performance.now(),
        setTimeout: () => 0,
        clearTimeout: () => {},
      };
      let clock = working;
      const broker = await start({
        clock: {
          now: () => clock.now(),
          wallNow: () => clock.wallNow?.() ?? Date.now(),
          setTimeout: (fn, ms) => clock.setTimeout(fn, ms),
          clearTimeout: (id) => clock.clearTimeout(id),
        },
        services: [fixtureService(), fixtureService('permission', { name: 'no' })],
      });
      clock = { ...working, ...mistake };
      expect(await echo(broker, 'no')).toEqual({ route: 'reconnected', reason: 'permissionDenied' });
      expect(await echo(broker)).toEqual({ route: 'handedOff', reason: undefined });
      await settled(broker);
      expect(
        broker.backends().find(({ backend }) => backend.serviceName === 'no')?.window?.failedAttempts,
      ).toBe(1);
      expect((await askStatus(broker.socketPath)).backends).toHaveLength(2);
      await broker.stop();
      await eventually('the mistake to be told', () => warnings.length > 0);
      expect(warnings.map(({ code }) => code)).toEqual(warnings.map(() => 'clockFailed'));
    },
  );

  const ipc = createNodeIpcTransport();
  it.each<[string, (channel: HandoffChannel) => Partial<HandoffChannel>, string | undefined, boolean]>([
    ['send throws', () => ({ send: mine }), 'backendAckTimeout', true],
    ['send rejects', () => ({ send: rejects as never }), 'backendAckTimeout', true],
    [
      'send calls back with a word',
      () => ({ send: (_m, _s, back) => back('no' as never) }),
      'backendAckTimeout',
      false,
    ],
    [
      'send calls back with nothing for success',
      (channel) => ({
        send: (m, s, back) => channel.send(m, s, (error) => back(error ?? (undefined as never))),
      }),
      undefined,
      false,
    ],
    [
      'send calls back twice',
      (channel) => ({
        send: (m, s, back) =>
          channel.send(m, s, (error) => {
            back(error);
            back(new Error('mine'));
          }),
      }),
      undefined,
      false,
    ],
    [
      'capacity throws',
      () => ({
        get capacity() {
          return mine();
        },
      }),
      'handleUnavailable',
      true,
    ],
    ['capacity is NaN', () => ({ capacity: Number.NaN }), 'handleUnavailable', true],
    ['capacity is 0', () => ({ capacity: 0 }), 'handleUnavailable', false],
    ['capacity is async', () => ({ capacity: rejects() as never }), 'handleUnavailable', true],
  ])('channel.%s: the client is served', async (_, mistake, reason, isTold) => {
    const broker = await start({ transport: changeChannel(ipc, mistake) });
    expect(await echo(broker)).toEqual({ route: reason === undefined ? 'handedOff' : 'reconnected', reason });
    await settled(broker);
    if (isTold)
      await eventually('the mistake to be told', () =>
        warnings.some(({ code }) => code === 'transportFailed'),
      );
  });

  it.each<[string, HandoffTransport['open'], string]>([
    ['throws', mine, 'mine'],
    ['rejects', rejects as never, 'mine'],
    ['answers nothing', wrong(undefined), 'a channel'],
    ['answers a channel without sync', wrong({ capacity: 1, send: () => {} }), 'a channel'],
  ])('transport.open %s: the mistake is told, and clients reconnect', async (_, open, message) => {
    const told: BrokerWarning[] = [];
    const broker = await brokers.start({ transport: { ...ipc, open } });
    broker.on('warning', (warning) => told.push(warning));
    expect(await echo(broker)).toEqual({ route: 'reconnected', reason: 'handleUnavailable' });
    await settled(broker);
    await eventually('the mistake to be told', () => told.length > 0);
    expect(told).toMatchObject([{ code: 'channelFailed', message: expect.stringContaining(message) }]);
  });

  it('a channel reports nonsense, also after its end: the client is served', async () => {
    let listener: HandoffChannelListener | undefined;
    const broker = await start({
      transport: {
        ...ipc,
        open: (child, given) => {
          listener = given;
          return ipc.open(child, given);
        },
      },
    });
    for (const answer of [
      undefined,
      null,
      7,
      {},
      { type: 'ack' },
      { type: 'refuse', token: '', code: 'x' },
    ]) {
      listener?.onAnswer(answer as never);
    }
    expect(broker.stats().malformedAcks).toBe(6);
    listener?.onClosed();
    listener?.onClosed();
    listener?.onAnswer('malformed');
    expect(broker.stats().malformedAcks).toBe(6);
    // It is opened again.
    await eventually('a client to be handed over', async () => (await echo(broker)).route === 'handedOff');
    await settled(broker);
  });

  it.each([
    ['throws', mine],
    ['rejects', rejects],
  ])('channel.sync %s: the queue continues', async (_, sync) => {
    // The handle gets lost, so that its turn ends with the answer to the question.
    const broker = await start({
      transport: changeChannel(ipc, () => ({ sync: sync as never })),
      services: [fixtureService('drop')],
      ackDeadlineMs: 50,
    });
    expect(await echo(broker)).toEqual({ route: 'reconnected', reason: 'backendAckTimeout' });
    await eventually('the mistake to be told', () => warnings.some(({ code }) => code === 'transportFailed'));
  });

  it.each([
    ['throws', mine],
    ['answers a promise', rejects],
    ['answers 1', () => 1],
  ])('transport.supported %s: clients reconnect', async (_, supported) => {
    let isWorking = true;
    const transport = {
      ...ipc,
      get supported() {
        return isWorking || (supported() as never);
      },
    };
    const broker = await start({ transport });
    isWorking = false;
    expect(await echo(broker)).toEqual({ route: 'reconnected', reason: 'handleUnavailable' });
    expect((await askStatus(broker.socketPath)).backends[0]?.next.answer).toBe('handleUnavailable');
    expect(warnings[0]).toMatchObject({ code: 'transportFailed' });
  });

  it('the controller disposed: clients reconnect, and the broker stops', async () => {
    const broker = await start({
      services: [fixtureService(), fixtureService('permission', { name: 'no' })],
    });
    broker.controller.dispose();
    expect(await echo(broker)).toEqual({ route: 'reconnected', reason: 'checkFailed' });
    await expect(askStatus(broker.socketPath)).rejects.toThrow('ended its answer too early');
    expect(warnings.map(({ code }) => code)).toContain('internalError');
    await broker.stop();
  });
});

describe('a removed service that retires', () => {
  const brokers = new TestBrokers();

  afterAll(async () => expect(await brokers.stop()).toEqual([]));

  it('is in the status, and does not affect the broker and other services', async () => {
    const [kept, removed] = [fixtureService(), fixtureService('echo', { name: 'removed' })];
    const broker = await brokers.start({ services: [kept, removed] });
    const { socketPath } = broker;
    const { socket } = await connect({ socketPath, service: 'removed', earlyData: 'hi' });
    await readBytes(socket, 2);
    await broker.reload({ socketPath, services: [kept], startTimeoutMs: 60_000 });
    const status = await askStatus(socketPath);
    expect(status.backends.map(({ service, process }) => [service, process])).toEqual([
      ['echo', 'ready'],
      ['removed', 'stopping'],
    ]);
    expect(broker.backends().map(({ backend }) => broker.explain(backend).decision.type)).toEqual([
      'attempt',
      'attempt',
    ]);
    // Two of one name, while the one of before still retires.
    await broker.reload({ socketPath, services: [kept, removed], startTimeoutMs: 60_000 });
    expect((await askStatus(socketPath)).backends.map(({ service }) => service).sort()).toEqual([
      'echo',
      'removed',
      'removed',
    ]);
    socket.destroy();
  });
});
