import fc from 'fast-check';
import {
  HandoffAttemptInputs,
  HandoffController,
  type HandoffControllerOptions,
  HandoffFallbackPolicy,
} from '../../src';
import { serveBackend } from '../../src/backend';
import { type Broker, createBroker, recordBrokerMetrics } from '../../src/broker';
import { connect } from '../../src/client';
import { createInspectionRelay, type InspectionRelay } from '../../src/inspect';
import { fixtureService, TestBrokers } from './support/TestBrokers';

const RUNS = 300;
const BAD_ARGUMENT = ['ERR_INVALID_ARG_TYPE', 'ERR_OUT_OF_RANGE', 'ERR_UNKNOWN_OPTION'];
const RUN_TIME: Readonly<Record<string, readonly string[]>> = {
  HandoffClientError: ['brokerUnavailable', 'timeout'],
  HandoffBackendError: ['noIdentity', 'listenFailed'],
  BrokerError: ['listenFailed', 'pathTooLong', 'unknownBackend', 'notReloadable'],
  HandoffError: ['ERR_INVALID_SNAPSHOT'],
  Error: ['EADDRINUSE', 'EACCES'],
};
const NOBODYS_WORDS =
  /Cannot (read|set|convert|destructure|use|perform)|is not (a function|iterable|defined|a constructor)|\[object |Too (small|big)|Invalid input/;

/** Hands a value to a parameter that its type rules out, as plain JavaScript can. */
function untyped<T>(value: unknown): T {
  return value as T;
}

function hostile(): unknown[] {
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const fail = (): never => {
    throw new Error('not to be looked at');
  };
  return [
    undefined,
    null,
    Symbol('s'),
    1n,
    Number.NaN,
    -0,
    () => {},
    Promise.resolve({}),
    Object.create(null),
    revoked.proxy,
    new Proxy({}, { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail }),
    new Proxy([], { get: fail }),
    Object.defineProperty({}, 'length', { get: fail, enumerable: true }),
    [[[[]]]],
    new Array(5),
    '\u0000',
    'x'.repeat(10_000),
    new Uint8Array(3),
  ];
}

/** Makes a value: the values themselves throw when fast-check looks at them. */
type Make = () => unknown;

const JUNK: fc.Arbitrary<Make> = fc.oneof(
  fc.constantFrom(...hostile().map((value) => () => value)),
  fc
    .anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSparseArray: true,
      withTypedArray: true,
    })
    .map((value) => () => value),
);
const NO_TEXT = JUNK.filter((make) => typeof make() !== 'string');

interface Place {
  readonly path: readonly (string | number)[];
}

function placesIn(value: unknown, path: readonly (string | number)[] = []): Place[] {
  const here = { path };
  if (typeof value !== 'object' || value === null) return [here];
  const keys = Array.isArray(value) ? value.map((_, index) => index) : Object.keys(value);
  return [here, ...keys.flatMap((key) => placesIn((value as Record<string, unknown>)[key], [...path, key]))];
}

function withAt(
  value: unknown,
  [key, ...rest]: readonly (string | number)[],
  junk: unknown,
  how: string,
): unknown {
  if (key === undefined) return junk;
  const copy: Record<string | number, unknown> = Array.isArray(value)
    ? (Object.assign([], value) as unknown as Record<string | number, unknown>)
    : { ...(value as object) };
  if (rest.length > 0) copy[key] = withAt(copy[key], rest, junk, how);
  else if (how === 'replace') copy[key] = junk;
  else if (how === 'misspell') copy[`${key}s`] = junk;
  else {
    Object.defineProperty(copy, key, {
      enumerable: true,
      get: () => {
        throw new Error('not to be looked at');
      },
    });
  }
  return copy;
}

/** A valid value with one thing wrong, at any depth: replaced, misspelled, or throwing when it's read. */
function spoiled(valid: unknown): fc.Arbitrary<Make> {
  return fc
    .tuple(
      fc.constantFrom(...placesIn(valid)),
      // What is a path could be made, and listened on.
      NO_TEXT,
      fc.constantFrom('replace', 'misspell', 'throw'),
    )
    .map(
      ([{ path }, junk, how]) =>
        () =>
          withAt(valid, path, junk(), how),
    );
}

/** What is wrong with how a call ended; undefined if nothing is. */
async function complaint(
  call: () => unknown,
  clean: (result: never) => unknown = () => {},
): Promise<unknown> {
  let result: unknown;
  try {
    result = await call();
  } catch (error) {
    if (!(error instanceof Error)) return { thrown: error };
    const { code } = error as NodeJS.ErrnoException;
    const isBadArgument =
      (error instanceof TypeError || error instanceof RangeError) && BAD_ARGUMENT.includes(String(code));
    const isDocumented = isBadArgument || RUN_TIME[error.name]?.includes(String(code)) === true;
    // What a getter or proxy of the caller's throws is said as it is.
    const ours = error.message.replace(/(can't be read|Refused a persisted snapshot): .*/s, '');
    const isReadable = error.message.length < 1000 && !NOBODYS_WORDS.test(ours);
    return isDocumented && isReadable ? undefined : { name: error.name, code, message: error.message, error };
  }
  await clean(result as never);
  return undefined;
}

function property(
  arbitrary: fc.Arbitrary<Make>,
  call: (junk: never) => unknown,
  clean?: (result: never) => unknown,
) {
  return fc.assert(
    fc.asyncProperty(arbitrary, async (make) => {
      expect(await complaint(() => call(make() as never), clean)).toBeUndefined();
    }),
    { numRuns: RUNS },
  );
}

describe('junk gets a documented error, that of the field', () => {
  const KEY = { instance: 'shared', serviceName: 'a', serviceVersion: '1.0.0' };
  const INPUTS = {
    clientSupportsHandoff: true,
    servicePolicyEnabled: true,
    fdPressureDisabled: false,
    backendAdoptedExisting: false,
  };
  const CLOCK = { now: () => 0, wallNow: () => 0, setTimeout: () => 0, clearTimeout: () => {} };
  const POLICY = { maxFailedAttemptsPerWindow: 2, failedAttemptWindowMs: 5 };
  const CONTROLLER = { policy: POLICY, clock: CLOCK, maxBackends: 5, inspect: { next: () => {} } };

  it('handoff-controller: constructors and restore', async () => {
    const dispose = (controller: HandoffController): void => controller.dispose();
    const from = new HandoffController();
    from.recordFailedAttempt(KEY, 'permissionDenied', 1);
    from.markAdopted('named', 1);
    const snapshot = from.getPersistedSnapshot(2);
    for (const junk of [JUNK, spoiled(CONTROLLER)]) {
      await property(junk, (options) => new HandoffController(options), dispose);
      await property(junk, (options) => HandoffController.restore(snapshot, options), dispose);
    }
    for (const junk of [JUNK, spoiled(snapshot)]) {
      await property(junk, (given) => HandoffController.restore(given), dispose);
    }
    for (const junk of [JUNK, spoiled(POLICY)])
      await property(junk, (options) => new HandoffFallbackPolicy(options));
    await property(JUNK, (given) => HandoffAttemptInputs.of(given, given, given));
    await property(JUNK, (given) => HandoffAttemptInputs.adoptedBackend(given));
  });

  it('handoff-controller: methods, of the controller and of a handle', async () => {
    const controller = new HandoffController({ clock: CLOCK } as HandoffControllerOptions);
    const handle = controller.backend('handle');
    handle.hold();
    for (const junk of [JUNK, spoiled(KEY)]) {
      await property(junk, (key) => controller.shouldAttempt(key, INPUTS));
      await property(junk, (key) => controller.recordFailedAttempt(key, 'permissionDenied'));
      await property(junk, (key) => controller.recordSuccess(key));
      await property(junk, (key) => controller.recordAbandonedAttempt(key));
      await property(junk, (key) => controller.failedAttemptCount(key));
      await property(junk, (key) => controller.markAdopted(key));
      await property(junk, (key) => controller.markSpawned(key));
      await property(junk, (key) => controller.markRejoined(key));
      await property(junk, (key) => controller.stateOf(key));
      await property(junk, (key) => controller.windowOf(key));
      await property(junk, (key) => controller.explain(key, INPUTS));
      await property(junk, (key) => controller.actorOf(key));
      await property(junk, (key) => controller.backend(key));
      await property(junk, (key) => controller.hold(key));
      await property(junk, (key) => controller.forget(key));
    }
    for (const junk of [JUNK, spoiled(INPUTS)]) {
      for (const backend of ['known', handle]) {
        await property(junk, (inputs) => controller.shouldAttempt(backend, inputs));
        await property(junk, (inputs) => controller.explain(backend, inputs));
      }
      await property(junk, (inputs) => handle.shouldAttempt(inputs));
    }
    await property(JUNK, (now) => controller.shouldAttempt(KEY, INPUTS, now));
    await property(JUNK, (now) => controller.getPersistedSnapshot(now));
    await property(JUNK, (now) => handle.failedAttemptCount(now));
    await property(JUNK, (now) => handle.windowOf(now));
    await property(JUNK, (failure) => handle.recordFailedAttempt(failure));
    await property(JUNK, (actor) => controller.backendOf(actor));
    await property(
      // An observer that can be called is called, and what it throws then is its own.
      JUNK.filter((make) => typeof make() !== 'function'),
      (observer) => controller.inspect(observer),
      (inspection: { unsubscribe(): void }) => inspection.unsubscribe(),
    );
    controller.dispose();
  });

  it('handoff-controller/client', async () => {
    const valid = {
      socketPath: '/nowhere/b.sock',
      service: 'a',
      version: '*',
      handoff: true,
      earlyData: 'x',
      allowHalfOpen: false,
      connectTimeoutMs: 50,
      brokerWaitMs: 0,
      traceparent: `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01`,
      signal: new AbortController().signal,
      expectsReply: true,
    };
    for (const junk of [JUNK, spoiled(valid)]) await property(junk, connect);
  });

  it('handoff-controller/backend', async () => {
    const valid = {
      onConnection: () => {},
      refuseHandoff: () => undefined,
      claimTtlMs: 5,
      maxClaims: 5,
      helloTimeoutMs: 5,
      maxPendingAttaches: 5,
      identity: {
        backend: '0'.repeat(32),
        serviceName: 'a',
        serviceVersion: '1.0.0',
        endpoint: '/nowhere/a.sock',
      },
      endpoint: '/nowhere/e.sock',
      surviveBroker: true,
      onError: () => {},
    };
    for (const junk of [JUNK, spoiled(valid)]) await property(junk, serveBackend);
  });

  describe('handoff-controller/broker', () => {
    const brokers = new TestBrokers();
    let broker: Broker;
    beforeAll(async () => {
      broker = await brokers.start({ services: [fixtureService()] });
    });
    afterAll(async () => expect(await brokers.stop()).toEqual([]));

    const valid = {
      socketPath: '/nowhere/b.sock',
      services: [
        {
          name: 'a',
          version: '1.0.0',
          module: '/nowhere/a.js',
          args: ['x'],
          env: { A: 'b' },
          execArgv: ['x'],
          cwd: '/nowhere',
          handoff: true,
          ackDeadlineMs: 5,
          logFile: '/nowhere/a.log',
        },
        { name: 'b', version: '1.0.0', module: '/nowhere/b.js' },
      ],
      policy: POLICY,
      instance: 'x',
      clock: CLOCK,
      inspect: { next: () => {} },
      snapshot: new HandoffController().getPersistedSnapshot(),
      adopt: [
        {
          serviceName: 'a',
          serviceVersion: '1.0.0',
          endpoint: '/nowhere/a',
          backend: '0'.repeat(32),
          pid: 2 ** 30,
          processStart: 'x',
        },
      ],
      ackDeadlineMs: 5,
      startTimeoutMs: 5,
      stopTimeoutMs: 5,
      helloTimeoutMs: 5,
      maxConnections: 5,
      maxTransfers: 5,
      maxTransfersPerBackend: 5,
      fdPressure: () => false,
      transport: {
        supported: true,
        nodeIpc: true,
        send: () => {},
        open: () => {},
        capacity: () => 1,
        sync: () => {},
      },
      endpointDirectory: '/nowhere/endpoints',
    };

    it('createBroker and reload', async () => {
      for (const junk of [JUNK, spoiled(valid)]) {
        await property(junk, createBroker);
        await property(junk, (options) => broker.reload(options));
      }
    });

    it('the broker\u2019s methods', async () => {
      const { key } = { key: { instance: 'shared', serviceName: 'echo', serviceVersion: '1.0.0' } };
      for (const junk of [JUNK, spoiled(key)]) await property(junk, (given) => broker.explain(given));
      await property(JUNK, (given) => broker.respawnBackend(given));
      await property(JUNK, (given) => broker.setServiceHandoff(given, undefined, true));
      await property(JUNK, (given) => broker.setServiceHandoff('none', given, true));
      await property(JUNK, (given) => broker.setServiceHandoff('echo', undefined, given));
      await property(
        // An observer that can be called is called.
        JUNK.filter((make) => typeof make() !== 'function'),
        (observer) => broker.inspect(observer),
        (inspection: { unsubscribe(): void }) => inspection.unsubscribe(),
      );
      const noStop = JUNK.filter((make) => ![undefined, 'stop', 'leave'].includes(make() as string));
      await property(noStop, (backends) => broker.stop({ backends }));
      await property(noStop, (given) => broker.stop(untyped({ backend: given })));
      expect(broker.backends()).toHaveLength(1);
      await property(JUNK, (given) => recordBrokerMetrics(given));
      for (const junk of [JUNK, JUNK.map((make) => () => ({ meterProvider: make() }))]) {
        await property(
          junk,
          (given) => recordBrokerMetrics(broker, given),
          (end: () => void) => end(),
        );
      }
    });
  });

  describe('handoff-controller/inspect', () => {
    let relay: InspectionRelay;
    beforeAll(async () => {
      relay = await createInspectionRelay();
    });
    afterAll(() => relay.close());

    it('createInspectionRelay, attach and reportRoutes', async () => {
      const source = { inspect: () => ({ unsubscribe: () => {} }), delaysOf: () => undefined };
      const valid = {
        controller: source,
        port: 0,
        allowedOrigins: ['http://localhost:1'],
        stately: false,
        onLeftOut: () => {},
      };
      const close = (opened: InspectionRelay): Promise<void> => opened.close();
      for (const junk of [JUNK, spoiled(valid)]) await property(junk, createInspectionRelay, close);
      for (const junk of [JUNK, spoiled(source)]) {
        await property(
          junk,
          (given) => relay.attach(given),
          (end: () => void) => end(),
        );
      }
      const stats = { count: 1, latencyMs: { p50: 1, p99: 2 } };
      const report = { at: 1, intervalMs: 1, handedOff: stats, reconnected: stats };
      for (const junk of [JUNK, spoiled(report)]) await property(junk, (given) => relay.reportRoutes(given));
    });
  });
});
