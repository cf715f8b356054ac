import { createNoopMeter, type Meter, type MeterProvider } from '@opentelemetry/api';
import { type BrokerWarning, createNodeIpcTransport, recordBrokerMetrics } from '../../src/broker';
import { connect } from '../../src/client';
import { copyBytes } from '../../src/client/copyBytes';
import { HandoffAttemptInputs, HandoffController } from '../../src/index';
import { isDescriptorShortage } from '../../src/net/isDescriptorShortage';
import { errorOf } from '../support/errorOf';
import { eventually } from '../support/eventually';
import { expectNoUnhandled } from '../support/expectNoUnhandled';
import { changeChannel } from './support/changeChannel';
import { readBytes } from './support/readAll';
import { TestBrokers } from './support/TestBrokers';

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function mine(): never {
  throw new Error('mine');
}

/** Throws on whatever is read of it. */
const unreadableError = (): Error => new Proxy(new Error('x'), { get: mine });

const wrong = (value: unknown): never => value as never;

describe('values that throw when they are read', () => {
  const brokers = new TestBrokers();
  afterEach(async () => expect(await brokers.stop()).toEqual([]));
  expectNoUnhandled();

  const values: [string, unknown][] = [
    ['an object without a prototype', Object.create(null)],
    ['a revoked proxy', revoked()],
    ['an error that can\u2019t be read', unreadableError()],
    ['a symbol', Symbol('x')],
  ];

  it.each(values)(
    'a send that throws, rejects or calls back with %s: the client is served',
    async (_, value) => {
      const mistakes = [
        () => {
          throw value;
        },
        () => Promise.reject(value),
        (_message: unknown, _socket: unknown, back: (error: unknown) => void) => back(value),
      ];
      for (const send of mistakes) {
        const transport = changeChannel(createNodeIpcTransport(), () => ({ send: wrong(send) }));
        const broker = await brokers.start({ transport });
        const { socket, route } = await connect({
          socketPath: broker.socketPath,
          service: 'echo',
          earlyData: 'hi',
        });
        expect(String(await readBytes(socket, 2))).toBe('hi');
        socket.destroy();
        expect(route).toBe('reconnected');
      }
    },
  );

  it.each(values)('a listener of warnings that throws %s: Node says it', async (_, value) => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation();
    try {
      const broker = await brokers.start();
      const throwing = (): void => {
        throw value;
      };
      broker.on('warning', throwing);
      broker.on('route', throwing);
      const { socket } = await connect({ socketPath: broker.socketPath, service: 'echo', earlyData: 'hi' });
      socket.destroy();
      await eventually('Node to say it', () => emitWarning.mock.calls.length > 0);
    } finally {
      emitWarning.mockRestore();
    }
  });

  it('the causes of a circular error are read only once', () => {
    const error = new Error('x');
    error.cause = error;
    expect(isDescriptorShortage(error)).toBe(false);
    expect(isDescriptorShortage(revoked())).toBe(false);
    expect(isDescriptorShortage(new Error('x', { cause: { code: 'EMFILE' } }))).toBe(false);
    const shortage = Object.assign(new Error('y'), { code: 'EMFILE' });
    expect(isDescriptorShortage(new Error('x', { cause: shortage }))).toBe(true);
  });

  describe('a signal', () => {
    const signalWith = (members: object): AbortSignal =>
      wrong({ aborted: false, addEventListener: () => {}, removeEventListener: () => {}, ...members });
    const once = () => {
      let reads = 0;
      return {
        get aborted() {
          reads += 1;
          return reads === 1 ? false : mine();
        },
      };
    };

    it.each<[string, () => AbortSignal]>([
      ['whose addEventListener throws', () => signalWith({ addEventListener: mine })],
      ['whose addEventListener rejects', () => signalWith({ addEventListener: async () => mine() })],
      // Spread would read it.
      [
        'whose aborted throws',
        () => Object.defineProperties(signalWith({}), Object.getOwnPropertyDescriptors(once())),
      ],
    ])('%s is refused as invalid', async (_, make) => {
      const { socketPath } = await brokers.start();
      expect(await errorOf(() => connect({ socketPath, service: 'echo', signal: make() }))).toMatchObject({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_TYPE',
        message: "signal can't be read: mine",
      });
    });

    it.each<[string, object]>([
      ['throws', { removeEventListener: mine }],
      ['rejects', { removeEventListener: async () => mine() }],
    ])('whose removeEventListener %s affects no connection', async (_, members) => {
      const { socketPath } = await brokers.start();
      const signal = signalWith(members);
      const { socket } = await connect({ socketPath, service: 'echo', earlyData: 'hi', signal });
      expect(String(await readBytes(socket, 2))).toBe('hi');
      socket.destroy();
      expect(await errorOf(() => connect({ socketPath, service: 'none', signal }))).toMatchObject({
        code: 'unknownService',
      });
      expect(
        await errorOf(() =>
          connect({
            socketPath: '/none/b.sock',
            service: 'echo',
            signal,
            connectTimeoutMs: 5,
            brokerWaitMs: 5000,
          }),
        ),
      ).toMatchObject({ code: 'timeout' });
    });

    it('that fires at once, after the end, or with an unreadable reason, is handled once', async () => {
      const { socketPath } = await brokers.start();
      const atOnce = signalWith({
        addEventListener: (_type: string, listener: () => void) => listener(),
        get reason() {
          return undefined;
        },
      });
      Object.defineProperty(atOnce, 'reason', { get: mine });
      expect(await errorOf(() => connect({ socketPath, service: 'echo', signal: atOnce }))).toMatchObject({
        code: 'aborted',
        cause: new Error('mine'),
      });
      let abort = (): void => {};
      const late = signalWith({
        addEventListener: (_type: string, listener: () => void) => {
          abort = listener;
        },
      });
      const { socket } = await connect({ socketPath, service: 'echo', earlyData: 'hi', signal: late });
      abort();
      expect(String(await readBytes(socket, 2))).toBe('hi');
      socket.destroy();
    });
  });

  describe('bytes', () => {
    type Resizable = ArrayBuffer & { resize(bytes: number): void };
    const resizable = (bytes: number, max: number): Resizable =>
      Reflect.construct(ArrayBuffer, [bytes, { maxByteLength: max }]) as Resizable;

    it.each<[string, (buffer: ArrayBuffer) => ArrayBufferView]>([
      ['Uint8Array', (buffer) => new Uint8Array(buffer, 8, 8)],
      ['Float64Array', (buffer) => new Float64Array(buffer, 8, 1)],
      ['array that follows its buffer', (buffer) => new Uint8Array(buffer, 8)],
      ['DataView', (buffer) => new DataView(buffer, 8, 8)],
    ])('of a %s outside of its buffer are refused', async (_, view) => {
      const buffer = resizable(16, 32);
      const given = view(buffer);
      expect(copyBytes('earlyData', given)).toHaveLength(8);
      buffer.resize(4);
      expect(await errorOf(() => copyBytes('earlyData', given))).toMatchObject({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringContaining("earlyData can't be read"),
      });
    });

    it('are those of the view, whatever its class reports', () => {
      const secret = new ArrayBuffer(64);
      class Liar extends Uint8Array {
        override get byteLength(): number {
          return 0;
        }
        override get byteOffset(): number {
          return 1;
        }
        override get buffer(): ArrayBuffer {
          return secret;
        }
        override get length(): number {
          return 0;
        }
      }
      expect(copyBytes('earlyData', new Liar([1, 2, 3])).toString('hex')).toBe('010203');
      const view = Object.defineProperty(new DataView(Uint8Array.of(1, 2).buffer), 'byteLength', {
        value: 0,
      });
      expect(copyBytes('earlyData', view).toString('hex')).toBe('0102');
    });
  });

  describe('an observer\u2019s error that', () => {
    it.each<[string, (error: unknown) => void]>([
      ['throws', mine],
      ['rejects', async () => mine()],
    ])('is passed to a callback that %s has no effect on decisions', async (_, onCallbackError) => {
      const printed = jest.spyOn(console, 'error').mockImplementation();
      try {
        const controller = new HandoffController({ inspect: mine, onCallbackError });
        expect(controller.shouldAttempt('a', HandoffAttemptInputs.enabled())).toEqual({ type: 'attempt' });
        expect(controller.recordFailedAttempt('a', 'permissionDenied').type).toBe('fallbackToReconnect');
        controller.dispose();
        await eventually('it to be printed', () => printed.mock.calls.length > 0);
        expect(printed).toHaveBeenCalledWith('onCallbackError failed: mine');
        // Those that are still on their way.
        await new Promise(setImmediate);
      } finally {
        printed.mockRestore();
      }
    });
  });

  it('a clock that returns a promise is refused', async () => {
    const clock = { now: async () => mine(), setTimeout: () => 0, clearTimeout: () => {} };
    expect(await errorOf(() => new HandoffController({ clock: wrong(clock) }))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message: expect.stringMatching(/^clock\.now\(\) must be a number of milliseconds, but is/),
    });
  });

  it('a transport whose limitation always rejects causes a warning', async () => {
    const warnings: BrokerWarning[] = [];
    const ipc = createNodeIpcTransport();
    const broker = await brokers.start({
      transport: {
        supported: true,
        open: (child, listener) => ipc.open(child, listener),
        get limitation() {
          return wrong(Promise.reject(new Error('mine')));
        },
      },
    });
    broker.on('warning', (warning) => warnings.push(warning));
    await eventually('the mistake to be told', () => warnings.some(({ code }) => code === 'transportFailed'));
  });

  it.each<[string, () => unknown, string]>([
    ['{}', () => ({}), 'must be a Meter, but is an empty object'],
    ['a promise', () => Promise.reject(new Error('mine')), 'must be a Meter, but is an instance of Promise'],
    ['undefined', () => undefined, 'must be a Meter, but is undefined'],
    ['an error', mine, "can't be read: mine"],
  ])('a meter provider that returns %s is refused', async (_, getMeter, message) => {
    const broker = await brokers.start();
    const meterProvider: MeterProvider = { getMeter: wrong(getMeter) };
    expect(await errorOf(() => recordBrokerMetrics(broker, { meterProvider }))).toMatchObject({
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
      message: `meterProvider.getMeter() ${message}`,
    });
  });

  describe('a meter whose', () => {
    const meterWith = (members: object): MeterProvider => ({
      getMeter: () => Object.assign(Object.create(createNoopMeter()) as Meter, members),
    });

    it.each<[string, object, string]>([
      [
        'createObservableCounter answers null',
        { createObservableCounter: () => null },
        'createObservableCounter() must be an instrument with addCallback and removeCallback, but is null',
      ],
      [
        'createObservableGauge answers {}',
        { createObservableGauge: () => ({}) },
        'createObservableGauge() must be an instrument with addCallback and removeCallback, but is an empty object',
      ],
      [
        'createHistogram answers a counter',
        { createHistogram: () => ({ add: () => {} }) },
        'createHistogram() must be an instrument with record, but is an object with add',
      ],
      [
        'createHistogram answers a promise',
        { createHistogram: async () => mine() },
        'createHistogram() must be an instrument with record, but is an instance of Promise',
      ],
      ['createHistogram throws', { createHistogram: mine }, "createHistogram() can't be read: mine"],
      [
        'addBatchObservableCallback throws',
        { addBatchObservableCallback: mine },
        "addBatchObservableCallback() can't be read: mine",
      ],
    ])('%s is refused, and a right one is taken afterwards', async (_, members, message) => {
      const broker = await brokers.start();
      expect(
        await errorOf(() => recordBrokerMetrics(broker, { meterProvider: meterWith(members) })),
      ).toMatchObject({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_TYPE',
        message: `meterProvider.getMeter().${message}`,
      });
      expect(broker.listenerCount('route')).toBe(0);
      recordBrokerMetrics(broker, { meterProvider: meterWith({}) })();
      expect(broker.listenerCount('route')).toBe(0);
    });

    it.each<[string, () => unknown]>([
      ['throw', mine],
      ['reject', async () => mine()],
    ])('histograms %s ends nothing: the mistake is told, and clients are served', async (_, record) => {
      const warnings: BrokerWarning[] = [];
      const broker = await brokers.start();
      broker.on('warning', (warning) => warnings.push(warning));
      const end = recordBrokerMetrics(broker, {
        meterProvider: meterWith({ createHistogram: () => ({ record }) }),
      });
      const { socket } = await connect({ socketPath: broker.socketPath, service: 'echo', earlyData: 'hi' });
      expect(String(await readBytes(socket, 2))).toBe('hi');
      socket.destroy();
      await eventually('the mistake to be told', () =>
        warnings.some(({ code, message }) => code === 'listenerFailed' && message.includes('mine')),
      );
      end();
    });

    it.each<[string, object]>([
      ['throw', { removeBatchObservableCallback: mine }],
      [
        'reject',
        { addBatchObservableCallback: async () => mine(), removeBatchObservableCallback: async () => mine() },
      ],
    ])('callbacks can\u2019t be added or removed, since they %s: the recording ends', async (_, members) => {
      const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation();
      try {
        const broker = await brokers.start();
        const meterProvider = meterWith(members);
        const end = recordBrokerMetrics(broker, { meterProvider });
        await errorOf(end);
        expect(broker.listenerCount('route')).toBe(0);
        // It's the same meter only if the provider says so; a second recording is let in.
        await errorOf(recordBrokerMetrics(broker, { meterProvider }));
        await new Promise(setImmediate);
      } finally {
        emitWarning.mockRestore();
      }
    });
  });
});
