import { EventEmitter } from 'node:events';
import type { BrokerEvents, RouteEvent, TransferEvent } from '../../src/broker';
import { createLogger } from '../../src/cli/broker/createLogger';
import { logBroker } from '../../src/cli/broker/logBroker';
import type { LogLevel } from '../../src/cli/broker/logLevels';
import { type BackendKey, HandoffController } from '../../src/index';

const KEYS = ['a', 'b', 'c', 'd', 'e'].map(
  (serviceName): BackendKey => ({ instance: 'shared', serviceName, serviceVersion: '1.0.0' }),
);
const [A = { instance: '', serviceName: '', serviceVersion: '' }] = KEYS;

class FakeBroker extends EventEmitter<BrokerEvents> {
  readonly controller = new HandoffController({ policy: { maxFailedAttemptsPerWindow: 1 } });
}

function route(backend: BackendKey, reason?: RouteEvent['reason']): RouteEvent {
  const facts = { connectionId: '0', backend, earlyDataBytes: 0, elapsedMs: 1.23456 };
  return reason === undefined ? { ...facts, route: 'handedOff' } : { ...facts, route: 'reconnected', reason };
}

function failed(backend: BackendKey): TransferEvent {
  return { connectionId: '0', backend, state: 'failed', failure: 'permissionDenied', elapsedMs: 1 };
}

describe('the broker\u2019s log', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const start = (level: LogLevel = 'info', json = true) => {
    const lines: string[] = [];
    const broker = new FakeBroker();
    const logger = createLogger({ json, level, destination: { write: (line) => void lines.push(line) } });
    const end = logBroker(broker, logger, { summaryEveryMs: 1000, warnEveryMs: 100 });
    return { broker, end, lines, read: () => lines.splice(0).map((line) => JSON.parse(line)) };
  };

  it('sums up the clients that reconnected by reason, and is silent when there are none', () => {
    const { broker, read, end } = start();
    for (const [index, key] of KEYS.entries()) {
      for (let count = 0; count <= index; count++) broker.emit('route', route(key, 'clientUnsupported'));
    }
    broker.emit('route', route(A, 'servicePolicyDisabled'));
    broker.emit('route', route(A));
    expect(read()).toEqual([]);
    jest.advanceTimersByTime(1000);
    expect(read()).toEqual([
      expect.objectContaining({
        level: 'info',
        message: 'clients reconnected',
        reason: 'clientUnsupported',
        count: 15,
        backends: 'e@1.0.0 (5), d@1.0.0 (4), c@1.0.0 (3) and 2 more',
      }),
      expect.objectContaining({ reason: 'servicePolicyDisabled', count: 1, backends: 'a@1.0.0 (1)' }),
    ]);
    jest.advanceTimersByTime(10_000);
    expect(read()).toEqual([]);
    broker.emit('route', route(A, 'adoptedBackend'));
    end();
    expect(read()).toMatchObject([{ reason: 'adoptedBackend', count: 1 }]);
    for (const event of broker.eventNames()) expect(broker.listenerCount(event)).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('limits the rate of warnings of one failure, with the number left out', () => {
    const { broker, read } = start();
    for (let count = 0; count < 5; count++) broker.emit('transfer', failed(A));
    broker.emit('transfer', { ...failed(A), failure: 'backendAckTimeout' });
    expect(read()).toMatchObject([
      { level: 'warn', message: 'handoff failed', backend: 'a@1.0.0', failure: 'permissionDenied' },
      { level: 'warn', message: 'handoff failed', failure: 'backendAckTimeout' },
    ]);
    jest.advanceTimersByTime(100);
    broker.emit('transfer', failed(A));
    expect(read()).toMatchObject([{ failure: 'permissionDenied', suppressed: 4 }]);
  });

  it('warns once when a backend becomes rate-limited', () => {
    const { broker, read } = start();
    broker.controller.recordFailedAttempt(A, 'permissionDenied');
    broker.emit('route', route(A, 'permissionDenied'));
    broker.emit('route', route(A, 'failedAttemptRateLimited'));
    const suspended = { level: 'warn', message: 'handoff is suspended: the backend kept failing' };
    expect(read()).toMatchObject([{ ...suspended, backend: 'a@1.0.0', retryAfterMs: 30_000 }]);
    broker.controller.recordSuccess(A);
    broker.emit('route', route(A));
    broker.controller.recordFailedAttempt(A, 'permissionDenied');
    broker.emit('route', route(A, 'permissionDenied'));
    expect(read()).toMatchObject([suspended]);
  });

  it('logs every client at level debug, with its trace', () => {
    const { broker, read } = start('debug');
    broker.emit('route', { ...route(A, 'clientUnsupported'), traceparent: '00-1' });
    broker.emit('transfer', { ...failed(A), state: 'sent' });
    expect(read()).toMatchObject([
      {
        level: 'debug',
        reason: 'clientUnsupported',
        connectionId: '0',
        elapsedMs: 1.235,
        traceparent: '00-1',
      },
      { level: 'debug', message: 'transfer', state: 'sent' },
    ]);
  });

  it('is readable text on a terminal', () => {
    const { broker, lines } = start('info', false);
    broker.emit('backendReady', { backend: A, pid: 7, endpoint: '/x', adopted: false });
    expect(lines.join('')).toMatch(/INFO.*backend ready.*"backend":"a@1\.0\.0"/);
  });
});
