import {
  HandoffAttemptInputs,
  HandoffController,
  type HandoffControllerOptions,
  type HandoffFailure,
  HandoffFallbackPolicy,
} from '../../src';

const KEY = { instance: 'shared', serviceName: 'svc', serviceVersion: '1.0.0' };
const ENABLED = HandoffAttemptInputs.enabled();

/** Hands a value to a parameter that its type rules out, as plain JavaScript can. */
function untyped<T>(value: unknown): T {
  return value as T;
}

describe('a policy', () => {
  it.each([
    ['maxFailedAttemptsPerWindow', Number.NaN, RangeError],
    ['maxFailedAttemptsPerWindow', Number.POSITIVE_INFINITY, RangeError],
    ['maxFailedAttemptsPerWindow', -1, RangeError],
    ['maxFailedAttemptsPerWindow', 1.5, RangeError],
    ['maxFailedAttemptsPerWindow', '8', TypeError],
    ['maxFailedAttemptsPerWindow', null, TypeError],
    ['failedAttemptWindowMs', Number.NaN, RangeError],
    ['failedAttemptWindowMs', Number.NEGATIVE_INFINITY, RangeError],
    ['failedAttemptWindowMs', -0.5, RangeError],
    ['failedAttemptWindowMs', 30n, TypeError],
  ])('refuses %s of %p', (field, value, type) => {
    const make = () => new HandoffFallbackPolicy({ [field]: value });
    expect(make).toThrow(type);
    expect(make).toThrow(field);
    expect(make).toThrow(String(value));
  });

  it('clamps zeros, keeps a fractional window, and can not be changed', () => {
    const policy = new HandoffFallbackPolicy({ maxFailedAttemptsPerWindow: 0, failedAttemptWindowMs: 0 });
    expect({ ...policy }).toEqual({ maxFailedAttemptsPerWindow: 1, failedAttemptWindowMs: 1 });
    expect(new HandoffFallbackPolicy({ failedAttemptWindowMs: 0.25 }).failedAttemptWindowMs).toBe(0.25);
    expect(Object.isFrozen(policy)).toBe(true);
    expect({ ...new HandoffFallbackPolicy() }).toEqual({
      maxFailedAttemptsPerWindow: 8,
      failedAttemptWindowMs: 30_000,
    });
  });

  it('is refused by the controller with the same errors', () => {
    expect(() => new HandoffController({ policy: { failedAttemptWindowMs: -1 } })).toThrow(RangeError);
    expect(() => new HandoffController({ policy: untyped(7) })).toThrow(TypeError);
    expect(() => new HandoffController({ clock: untyped({ now: () => 0 }) })).toThrow('clock.setTimeout');
    expect(() => new HandoffController(untyped<HandoffControllerOptions>(null))).toThrow(TypeError);
  });
});

describe('a call with bad input', () => {
  const bad: [
    what: string,
    call: (controller: HandoffController) => unknown,
    type: typeof Error,
    names: RegExp,
  ][] = [
    ['an empty string', (c) => c.shouldAttempt('', ENABLED), RangeError, /backend.*""/],
    ['no backend', (c) => c.recordSuccess(untyped(undefined)), TypeError, /backend.*undefined/],
    ['a numeric backend', (c) => c.stateOf(untyped(7)), TypeError, /backend.*7/],
    ['an array as a backend', (c) => c.actorOf(untyped(['a'])), TypeError, /backend/],
    [
      'a key without instance',
      (c) => c.forget(untyped({ ...KEY, instance: undefined })),
      TypeError,
      /backend\.instance.*undefined/,
    ],
    [
      'a key without serviceName',
      (c) => c.markAdopted(untyped({ ...KEY, serviceName: null })),
      TypeError,
      /backend\.serviceName.*null/,
    ],
    [
      'a key without serviceVersion',
      (c) => c.markSpawned(untyped({ ...KEY, serviceVersion: 1 })),
      TypeError,
      /backend\.serviceVersion.*1/,
    ],
    ['a negative now', (c) => c.shouldAttempt(KEY, ENABLED, -1), RangeError, /now.*-1/],
    ['a NaN now', (c) => c.recordFailedAttempt(KEY, 'permissionDenied', Number.NaN), RangeError, /now.*NaN/],
    [
      'an infinite now',
      (c) => c.failedAttemptCount(KEY, Number.POSITIVE_INFINITY),
      RangeError,
      /now.*Infinity/,
    ],
    ['a now of the wrong type', (c) => c.recordSuccess(KEY, untyped('5')), TypeError, /now.*"5"/],
    ['a null now', (c) => c.recordAbandonedAttempt(KEY, untyped(null)), TypeError, /now.*null/],
    ['a bad now of a snapshot', (c) => c.getPersistedSnapshot(-2), RangeError, /now.*-2/],
    [
      'an unknown failure',
      (c) => c.recordFailedAttempt(KEY, untyped<HandoffFailure>('tooSlow')),
      RangeError,
      /failure.*"tooSlow"/,
    ],
    [
      'no failure',
      (c) => c.recordFailedAttempt(KEY, untyped<HandoffFailure>(undefined)),
      RangeError,
      /failure.*undefined/,
    ],
    [
      'a failure that is a property of every object',
      (c) => c.recordFailedAttempt(KEY, untyped<HandoffFailure>('constructor')),
      RangeError,
      /constructor/,
    ],
    ['no inputs', (c) => c.shouldAttempt(KEY, untyped(undefined)), TypeError, /inputs.*undefined/],
    [
      'an input left out',
      (c) => c.shouldAttempt(KEY, untyped({ clientSupportsHandoff: true, servicePolicyEnabled: true })),
      TypeError,
      /inputs\.fdPressureDisabled.*undefined/,
    ],
    [
      'an input of the wrong type',
      (c) => c.shouldAttempt(KEY, { ...ENABLED, servicePolicyEnabled: untyped(1) }),
      TypeError,
      /inputs\.servicePolicyEnabled.*1/,
    ],
    [
      'an adoption that is null',
      (c) => c.shouldAttempt(KEY, { ...ENABLED, backendAdoptedExisting: untyped(null) }),
      TypeError,
      /inputs\.backendAdoptedExisting.*null/,
    ],
    ['an observer that is none', (c) => c.inspect(untyped(3)), TypeError, /observer.*3/],
  ];

  it.each(bad)('%s is refused and changes nothing', (_, call, type, names) => {
    const controller = new HandoffController();
    controller.recordFailedAttempt(KEY, 'backendAckTimeout', 10);
    const before = JSON.stringify([controller.getPersistedSnapshot(20).backends, [...controller.backends()]]);
    const snapshot = controller.actorOf(KEY).getSnapshot();
    expect(() => call(controller)).toThrow(type);
    expect(() => call(controller)).toThrow(names);
    expect(controller.actorOf(KEY).getSnapshot()).toBe(snapshot);
    expect(JSON.stringify([controller.getPersistedSnapshot(20).backends, [...controller.backends()]])).toBe(
      before,
    );
    controller.dispose();
  });

  it('shows only the beginning of a long value, and copes with one that has no text', () => {
    const controller = new HandoffController();
    const message = (call: () => unknown): string => {
      try {
        call();
      } catch (error) {
        return String(error);
      }
      return 'no error';
    };
    expect(message(() => controller.stateOf(KEY, untyped('x'.repeat(10_000)))).length).toBeLessThan(200);
    expect(message(() => controller.stateOf(KEY, untyped(Object.create(null))))).toMatch(/now.*object/);
    expect(message(() => controller.stateOf(KEY, untyped(Symbol('s'))))).toMatch(/Symbol\(s\)/);
    controller.dispose();
  });
});
