import { HandoffAttemptInputs, HandoffController } from '../../src';
import { ManualClock } from '../support/ManualClock';

const ENABLED = HandoffAttemptInputs.enabled();
const POLICY = { maxFailedAttemptsPerWindow: 2, failedAttemptWindowMs: 1_000 };

describe.each([
  ['a name', 'svc'],
  ['a key', { instance: 'shared', serviceName: 'svc', serviceVersion: '1.0.0' }],
])('a handle on a backend by %s', (_, backend) => {
  it('answers as the controller does', () => {
    const controller = new HandoffController({ policy: POLICY, clock: new ManualClock() });
    const handle = controller.backend(backend);
    expect([...controller.backends()]).toEqual([]);
    expect(handle.backend).toEqual(backend);
    expect(handle.explain(ENABLED)).toMatchObject({ decision: { type: 'attempt' }, state: 'idle' });
    expect([...controller.backends()]).toEqual([]);
    handle.hold();
    expect([...controller.backends()]).toEqual([backend]);
    expect(handle.shouldAttempt(ENABLED)).toEqual({ type: 'attempt' });
    expect(controller.stateOf(backend)).toBe('attempting');
    expect(handle.recordFailedAttempt('permissionDenied')).toMatchObject({ reason: 'permissionDenied' });
    expect(controller.recordFailedAttempt(backend, 'permissionDenied')).toMatchObject({
      reason: 'permissionDenied',
    });
    expect(handle.stateOf()).toBe('rateLimited');
    expect(handle.windowOf()).toEqual({ failedAttempts: 2, remainingMs: 1_000 });
    expect(handle.failedAttemptCount()).toBe(2);
    expect(handle.actorOf()).toBe(controller.actorOf(backend));
    handle.markAdopted();
    expect(controller.stateOf(backend)).toBe('adopted');
    handle.markRejoined();
    expect(controller.stateOf(backend)).toBe('rateLimited');
    handle.markAdopted();
    handle.markSpawned();
    handle.recordSuccess();
    handle.recordAbandonedAttempt();
    expect(controller.stateOf(backend)).toBe('idle');
    controller.dispose();
  });

  it('stays good after forget, and refuses after dispose', () => {
    const controller = new HandoffController({ policy: POLICY });
    const handle = controller.backend(backend);
    handle.recordFailedAttempt('permissionDenied', 1);
    handle.forget();
    expect([...controller.backends()]).toEqual([]);
    expect(handle.failedAttemptCount(2)).toBe(0);
    handle.recordFailedAttempt('permissionDenied', 3);
    expect(controller.failedAttemptCount(backend, 4)).toBe(1);
    controller.dispose();
    expect(() => handle.shouldAttempt(ENABLED)).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
    expect(() => handle.stateOf()).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
  });
});

describe('maxBackends', () => {
  it('bounds the backends, and evicts the least significant of the oldest', () => {
    const controller = new HandoffController({ policy: POLICY, maxBackends: 4 });
    controller.markAdopted('adopted', 1);
    controller.shouldAttempt('attempting', ENABLED, 1);
    controller.recordFailedAttempt('failed', 'permissionDenied', 1);
    controller.actorOf('idle');
    controller.recordFailedAttempt('new', 'permissionDenied', 1);
    expect([...controller.backends()]).toEqual(['adopted', 'attempting', 'failed', 'new']);
    controller.shouldAttempt('newer', ENABLED, 1);
    expect([...controller.backends()]).toEqual(['adopted', 'attempting', 'new', 'newer']);
    controller.dispose();
  });

  it('holds for any number of names', () => {
    const clock = new ManualClock();
    const controller = new HandoffController({ policy: POLICY, clock, maxBackends: 100 });
    for (let n = 0; n < 10_000; n++) controller.recordFailedAttempt(`hostile-${n}`, 'permissionDenied');
    expect([...controller.backends()]).toHaveLength(100);
    controller.dispose();
    expect(clock.pending).toEqual([]);
  });

  it.each([0, 1.5, -1, Number.NaN])('refuses %p', (maxBackends) => {
    expect(() => new HandoffController({ maxBackends })).toThrow(/maxBackends/);
  });
});
