import { serveBackend } from '../../src/backend';
import { createBroker, recordBrokerMetrics } from '../../src/broker';
import { connect } from '../../src/client';
import { errorOf } from '../support/errorOf';

/** Hands a value to a parameter that its type rules out, as plain JavaScript can. */
function untyped<T>(value: unknown): T {
  return value as T;
}

const onConnection = () => {};
const TYPE = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
const RANGE = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };
const UNKNOWN = { name: 'TypeError', code: 'ERR_UNKNOWN_OPTION' };

describe('bad arguments: a TypeError or RangeError with a code, the field and the value', () => {
  const identity = { backend: '0'.repeat(32), serviceName: 'a', serviceVersion: '1.0.0', endpoint: '/none' };
  const service = { name: 'a', version: '1.0.0', module: '/none.js' };
  const broker = { socketPath: '/none/b.sock', services: [service] };
  const target = { socketPath: '/none', service: 'a', brokerWaitMs: 0 };
  it.each<[string, string, (given: never) => unknown, unknown, object]>([
    ['connect', 'options must be an object, but is undefined', connect, undefined, TYPE],
    ['connect', 'options must be an object, but is null', connect, null, TYPE],
    ['connect', 'socketPath must be a string, but is undefined', connect, {}, TYPE],
    ['connect', 'options must be an object, but is an array of 1', connect, [target], TYPE],
    [
      'connect',
      'service must be a string of 1 to 256 characters, but is ""',
      connect,
      { ...target, service: '' },
      RANGE,
    ],
    ['connect', 'version must be a string, but is null', connect, { ...target, version: null }, TYPE],
    ['connect', 'handoff must be a boolean, but is "no"', connect, { ...target, handoff: 'no' }, TYPE],
    [
      'connect',
      'signal must be an AbortSignal, but is an empty object',
      connect,
      { ...target, signal: {} },
      TYPE,
    ],
    ['connect', 'traceparent must be a string, but is 5n', connect, { ...target, traceparent: 5n }, TYPE],
    [
      'connect',
      'socketPath must be a path without a zero character',
      connect,
      { ...target, socketPath: '/a\0b' },
      RANGE,
    ],
    [
      'connect',
      'socketPath must be a path of at most',
      connect,
      { ...target, socketPath: `/${'x'.repeat(200)}` },
      RANGE,
    ],
    [
      'connect',
      'connectTimeoutMs must be milliseconds from 1 to 2147483647, but is NaN',
      connect,
      { ...target, connectTimeoutMs: Number.NaN },
      RANGE,
    ],
    [
      'connect',
      'unknown option `timeout`; did you mean `connectTimeoutMs`?',
      connect,
      { ...target, timeout: 5 },
      UNKNOWN,
    ],
    [
      'connect',
      'unknown option `earlydata`; did you mean `earlyData`?',
      connect,
      { ...target, earlydata: 'a' },
      UNKNOWN,
    ],
    ['serveBackend', 'options must be an object, but is undefined', serveBackend, undefined, TYPE],
    ['serveBackend', 'onConnection must be a function, but is undefined', serveBackend, {}, TYPE],
    [
      'serveBackend',
      'identity.backend must be a string, but is undefined',
      serveBackend,
      { onConnection, identity: {} },
      TYPE,
    ],
    [
      'serveBackend',
      'identity.backend must be 32 lower-case hexadecimal digits, but is "x"',
      serveBackend,
      { onConnection, identity: { ...identity, backend: 'x' } },
      RANGE,
    ],
    [
      'serveBackend',
      'endpoint must be a path of at most',
      serveBackend,
      { onConnection, identity, endpoint: `/${'x'.repeat(200)}` },
      RANGE,
    ],
    [
      'serveBackend',
      'maxClaims must be an integer from 1, but is 0',
      serveBackend,
      { onConnection, identity, maxClaims: 0 },
      RANGE,
    ],
    [
      'serveBackend',
      'helloTimeoutMs must be milliseconds from 1 to 2147483647',
      serveBackend,
      { onConnection, identity, helloTimeoutMs: 2 ** 40 },
      RANGE,
    ],
    [
      'serveBackend',
      'surviveBroker must be a boolean, but is 0',
      serveBackend,
      { onConnection, identity, surviveBroker: 0 },
      TYPE,
    ],
    [
      'serveBackend',
      'refuseHandoff must be a function, but is true',
      serveBackend,
      { onConnection, identity, refuseHandoff: true },
      TYPE,
    ],
    [
      'serveBackend',
      'unknown option `onerror`; did you mean `onError`?',
      serveBackend,
      { onConnection, onerror: () => {} },
      UNKNOWN,
    ],
    [
      'serveBackend',
      'unknown option `identity.pid`',
      serveBackend,
      { onConnection, identity: { ...identity, pid: 5 } },
      UNKNOWN,
    ],
    ['createBroker', 'options must be an object, but is undefined', createBroker, undefined, TYPE],
    ['createBroker', 'socketPath must be a string, but is undefined', createBroker, {}, TYPE],
    [
      'createBroker',
      'services must be an array, but is undefined',
      createBroker,
      { ...broker, services: undefined },
      TYPE,
    ],
    [
      'createBroker',
      'services must be an array with at least one service, but is an empty array',
      createBroker,
      { ...broker, services: [] },
      RANGE,
    ],
    [
      'createBroker',
      'services[1] must be an object, but is an array of 1',
      createBroker,
      { ...broker, services: [service, [service]] },
      TYPE,
    ],
    [
      'createBroker',
      'services[1] must be an object, but is undefined',
      createBroker,
      { ...broker, services: Object.assign([service], { 2: service }) },
      TYPE,
    ],
    [
      'createBroker',
      'services[1] must be of another name or version than services[0], but is "a@1.0.0"',
      createBroker,
      { ...broker, services: [service, service] },
      RANGE,
    ],
    [
      'createBroker',
      'services[0].version must be a semantic version such as 1.4.2, but is "v1"',
      createBroker,
      { ...broker, services: [{ ...service, version: 'v1' }] },
      RANGE,
    ],
    [
      'createBroker',
      'services[0].env.A must be a string, but is 5',
      createBroker,
      { ...broker, services: [{ ...service, env: { A: 5 } }] },
      TYPE,
    ],
    [
      'createBroker',
      'services[0].env must be of names',
      createBroker,
      { ...broker, services: [{ ...service, env: { 'A=B': 'x' } }] },
      RANGE,
    ],
    [
      'createBroker',
      'services[0].args[1] must be a string without a zero character',
      createBroker,
      { ...broker, services: [{ ...service, args: ['a', 'b\0'] }] },
      RANGE,
    ],
    [
      'createBroker',
      'services[0].args must be an array, but is "a"',
      createBroker,
      { ...broker, services: [{ ...service, args: 'a' }] },
      TYPE,
    ],
    [
      'createBroker',
      'unknown option `services[0].ackDeadline`; did you mean `ackDeadlineMs`?',
      createBroker,
      { ...broker, services: [{ ...service, ackDeadline: 5 }] },
      UNKNOWN,
    ],
    [
      'createBroker',
      'unknown option `ackDeadline`; did you mean `ackDeadlineMs`?',
      createBroker,
      { ...broker, ackDeadline: 5 },
      UNKNOWN,
    ],
    [
      'createBroker',
      'ackDeadlineMs must be a number of milliseconds, but is null',
      createBroker,
      { ...broker, ackDeadlineMs: null },
      TYPE,
    ],
    [
      'createBroker',
      'maxTransfers must be an integer from 1, but is 0',
      createBroker,
      { ...broker, maxTransfers: 0 },
      RANGE,
    ],
    [
      'createBroker',
      'unknown option `policy.maxFailedAttempts`; did you mean `maxFailedAttemptsPerWindow`?',
      createBroker,
      { ...broker, policy: { maxFailedAttempts: 5 } },
      UNKNOWN,
    ],
    [
      'createBroker',
      'clock.setTimeout must be a function, but is undefined',
      createBroker,
      { ...broker, clock: { now: () => 0 } },
      TYPE,
    ],
    [
      'createBroker',
      'unknown option `transport.nodeIPC`; did you mean `nodeIpc`?',
      createBroker,
      { ...broker, transport: { supported: true, open: () => {}, nodeIPC: true } },
      UNKNOWN,
    ],
    [
      'createBroker',
      'transport.open must be a function, but is undefined',
      createBroker,
      { ...broker, transport: { supported: true } },
      TYPE,
    ],
    [
      'createBroker',
      'inspect.next must be a function, but is 5',
      createBroker,
      { ...broker, inspect: { next: 5 } },
      TYPE,
    ],
    [
      'createBroker',
      'adopt[0].pid must be an integer from 2, but is 1',
      createBroker,
      { ...broker, adopt: [{ ...identity, pid: 1 }] },
      RANGE,
    ],
    [
      'createBroker',
      'unknown option `adopt[0].process`; did you mean `processStart`?',
      createBroker,
      { ...broker, adopt: [{ ...identity, pid: 2, process: 'x' }] },
      UNKNOWN,
    ],
    [
      'recordBrokerMetrics',
      'broker must be a Broker, but is undefined',
      recordBrokerMetrics,
      undefined,
      TYPE,
    ],
  ])('%s refuses: %s', async (_, message, call, given, kind) => {
    expect(await errorOf(() => call(untyped(given)))).toMatchObject({
      ...kind,
      message: expect.stringContaining(message),
    });
  });
});
