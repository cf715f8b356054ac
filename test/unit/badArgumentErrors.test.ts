import { serveBackend } from '../../src/backend';
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
  const target = { socketPath: '/none', service: 'a', brokerWaitMs: 0 };
  it.each<[string, (given: never) => unknown, unknown, object, string]>([
    ['connect', connect, undefined, TYPE, 'options must be an object, but is undefined'],
    ['connect', connect, null, TYPE, 'options must be an object, but is null'],
    ['connect', connect, {}, TYPE, 'socketPath must be a string, but is undefined'],
    ['connect', connect, [target], TYPE, 'options must be an object, but is an array of 1'],
    [
      'connect',
      connect,
      { ...target, service: '' },
      RANGE,
      'service must be a string of 1 to 256 characters, but is ""',
    ],
    ['connect', connect, { ...target, version: null }, TYPE, 'version must be a string, but is null'],
    ['connect', connect, { ...target, handoff: 'no' }, TYPE, 'handoff must be a boolean, but is "no"'],
    [
      'connect',
      connect,
      { ...target, signal: {} },
      TYPE,
      'signal must be an AbortSignal, but is an empty object',
    ],
    ['connect', connect, { ...target, traceparent: 5n }, TYPE, 'traceparent must be a string, but is 5n'],
    [
      'connect',
      connect,
      { ...target, socketPath: '/a\0b' },
      RANGE,
      'socketPath must be a path without a zero character',
    ],
    [
      'connect',
      connect,
      { ...target, socketPath: `/${'x'.repeat(200)}` },
      RANGE,
      'socketPath must be a path of at most',
    ],
    [
      'connect',
      connect,
      { ...target, connectTimeoutMs: Number.NaN },
      RANGE,
      'connectTimeoutMs must be milliseconds from 1 to 2147483647, but is NaN',
    ],
    [
      'connect',
      connect,
      { ...target, timeout: 5 },
      UNKNOWN,
      'unknown option `timeout`; did you mean `connectTimeoutMs`?',
    ],
    [
      'connect',
      connect,
      { ...target, earlydata: 'a' },
      UNKNOWN,
      'unknown option `earlydata`; did you mean `earlyData`?',
    ],
    ['serveBackend', serveBackend, undefined, TYPE, 'options must be an object, but is undefined'],
    ['serveBackend', serveBackend, {}, TYPE, 'onConnection must be a function, but is undefined'],
    [
      'serveBackend',
      serveBackend,
      { onConnection, identity: {} },
      TYPE,
      'identity.backend must be a string, but is undefined',
    ],
    [
      'serveBackend',
      serveBackend,
      { onConnection, identity: { ...identity, backend: 'x' } },
      RANGE,
      'identity.backend must be 32 lower-case hexadecimal digits, but is "x"',
    ],
    [
      'serveBackend',
      serveBackend,
      { onConnection, identity, endpoint: `/${'x'.repeat(200)}` },
      RANGE,
      'endpoint must be a path of at most',
    ],
    [
      'serveBackend',
      serveBackend,
      { onConnection, identity, maxClaims: 0 },
      RANGE,
      'maxClaims must be an integer from 1, but is 0',
    ],
    [
      'serveBackend',
      serveBackend,
      { onConnection, identity, helloTimeoutMs: 2 ** 40 },
      RANGE,
      'helloTimeoutMs must be milliseconds from 1 to 2147483647',
    ],
    [
      'serveBackend',
      serveBackend,
      { onConnection, identity, surviveBroker: 0 },
      TYPE,
      'surviveBroker must be a boolean, but is 0',
    ],
    [
      'serveBackend',
      serveBackend,
      { onConnection, identity, refuseHandoff: true },
      TYPE,
      'refuseHandoff must be a function, but is true',
    ],
    [
      'serveBackend',
      serveBackend,
      { onConnection, onerror: () => {} },
      UNKNOWN,
      'unknown option `onerror`; did you mean `onError`?',
    ],
    [
      'serveBackend',
      serveBackend,
      { onConnection, identity: { ...identity, pid: 5 } },
      UNKNOWN,
      'unknown option `identity.pid`',
    ],
  ])('%s(%p)', async (_, call, given, kind, message) => {
    expect(await errorOf(() => call(untyped(given)))).toMatchObject({
      ...kind,
      message: expect.stringContaining(message),
    });
  });
});
