import { HANDOFF_FAILURES } from '../../machines';
import { HandoffAttemptInputs, HandoffController, type HandoffFallbackPolicyOptions } from '../../src';
import { systemClock } from '../../src/controller/Clock';
import { ManualClock } from '../support/ManualClock';

const KEY = { instance: 'shared', serviceName: 'svc', serviceVersion: '1.0.0' };
const ENABLED = HandoffAttemptInputs.enabled();

describe('a call for an unknown backend', () => {
  it.each<[string, (controller: HandoffController) => unknown]>([
    ['stateOf', (c) => c.stateOf(KEY)],
    ['windowOf', (c) => c.windowOf(KEY)],
    ['explain', (c) => c.explain(KEY, ENABLED)],
    ['failedAttemptCount', (c) => c.failedAttemptCount(KEY)],
    [
      'a request that check 1 answers',
      (c) => c.shouldAttempt(KEY, HandoffAttemptInputs.of(false, true, false)),
    ],
    [
      'a request that check 2 answers',
      (c) => c.shouldAttempt(KEY, HandoffAttemptInputs.of(true, false, false)),
    ],
    [
      'a request that check 3 answers',
      (c) => c.shouldAttempt(KEY, HandoffAttemptInputs.of(true, true, true)),
    ],
    ['recordSuccess', (c) => c.recordSuccess(KEY)],
    ['recordAbandonedAttempt', (c) => c.recordAbandonedAttempt(KEY)],
    ['markSpawned', (c) => c.markSpawned(KEY)],
    ['markRejoined', (c) => c.markRejoined(KEY)],
    ['backend', (c) => c.backend(KEY)],
  ])('%s holds no state for it', (_, call) => {
    const controller = new HandoffController({ clock: new ManualClock() });
    call(controller);
    expect([...controller.backends()]).toEqual([]);
    controller.dispose();
  });

  it.each<[string, (controller: HandoffController, name: string) => unknown]>([
    ['recordSuccess', (c, name) => c.recordSuccess(name)],
    ['recordAbandonedAttempt', (c, name) => c.recordAbandonedAttempt(name)],
    ['markSpawned', (c, name) => c.markSpawned(name)],
    ['markRejoined', (c, name) => c.markRejoined(name)],
    ['markAdopted', (c, name) => c.markAdopted(name)],
    ['shouldAttempt', (c, name) => c.shouldAttempt(name, ENABLED)],
    ['recordFailedAttempt', (c, name) => c.recordFailedAttempt(name, 'permissionDenied')],
    ['backend', (c, name) => c.backend(name)],
    ['forget', (c, name) => c.forget(name)],
    ['hold', (c, name) => c.hold(name)],
    ['actorOf', (c, name) => c.actorOf(name)],
  ])('%s refuses an invalid name', (_, call) => {
    const controller = new HandoffController({ clock: new ManualClock() });
    expect(() => call(controller, '')).toThrow('backend must be a non-empty string');
    controller.dispose();
    expect(() => call(controller, 'name')).toThrow('The handoff controller is disposed');
  });
});

describe('attempts at the same time', () => {
  it.each<[string, (controller: HandoffController) => unknown]>([
    ['successes', (c) => c.recordSuccess('a')],
    ['ends without a result', (c) => c.recordAbandonedAttempt('a')],
    ['failures', (c) => c.recordFailedAttempt('a', 'permissionDenied')],
  ])('are over after equally many %s, and not before', (_, end) => {
    const controller = new HandoffController({ clock: new ManualClock() });
    for (let i = 0; i < 3; i += 1) controller.shouldAttempt('a', ENABLED);
    const states = [1, 2, 3, 4].map(() => {
      end(controller);
      return controller.stateOf('a');
    });
    expect(states).toEqual(['attempting', 'attempting', 'idle', 'idle']);
    controller.dispose();
  });
});

describe('a window that is over', () => {
  it('is passed to the next controller, where it is over too', () => {
    const clock = new ManualClock();
    const controller = new HandoffController({ clock });
    controller.recordFailedAttempt('a', 'permissionDenied');
    clock.advance(30_000);
    const snapshot = controller.getPersistedSnapshot();
    expect(snapshot.backends).toEqual([
      { backend: 'a', adopted: false, window: { failedAttempts: 1, remainingMs: 0 } },
    ]);
    const next = HandoffController.restore(snapshot, { clock });
    expect(next.windowOf('a')).toBeUndefined();
    expect(next.failedAttemptCount('a')).toBe(0);
    controller.dispose();
    next.dispose();
  });
});

/** A proxy that doesn't say what it is an instance of. */
function shy<T extends object>(value: T): T {
  return new Proxy(value, {
    getPrototypeOf: () => {
      throw new Error('shy');
    },
  });
}

describe('an observer that fails without a listener for its errors', () => {
  it('does not affect decisions, and is printed on standard error', () => {
    const told = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    try {
      const fail = (): never => {
        throw new Error('mine');
      };
      const controller = new HandoffController({
        clock: new ManualClock(),
        inspect: fail,
        onCallbackError: fail,
      });
      expect(controller.shouldAttempt('a', ENABLED)).toEqual({ type: 'attempt' });
      expect(told).toHaveBeenCalledWith('onCallbackError failed: mine');
      controller.dispose();
    } finally {
      told.mockRestore();
    }
  });
});

describe('the inputs of a request', () => {
  const field = (name: string, value: unknown) =>
    ({ ...ENABLED, [name]: value }) as unknown as HandoffAttemptInputs;

  it.each<[HandoffAttemptInputs, string]>([
    [undefined as never, 'inputs must be an object, but is undefined'],
    [field('clientSupportsHandoff', 1), 'inputs.clientSupportsHandoff must be a boolean, but is 1'],
    [field('servicePolicyEnabled', null), 'inputs.servicePolicyEnabled must be a boolean, but is null'],
    [field('fdPressureDisabled', undefined), 'inputs.fdPressureDisabled must be a boolean, but is undefined'],
    [
      field('backendAdoptedExisting', 0),
      'inputs.backendAdoptedExisting must be a boolean or left out, but is 0',
    ],
  ])('are refused by name, case %#', (inputs, message) => {
    const controller = new HandoffController({ clock: new ManualClock() });
    expect(() => controller.shouldAttempt('a', inputs)).toThrow(message);
    expect([...controller.backends()]).toEqual([]);
    controller.dispose();
  });

  it.each(Object.keys(ENABLED).concat('backendAdoptedExisting'))('are refused where %s throws', (name) => {
    const controller = new HandoffController({ clock: new ManualClock() });
    const inputs = Object.defineProperty({ ...ENABLED }, name, {
      enumerable: true,
      get: () => {
        throw new Error('a getter');
      },
    });
    expect(() => controller.shouldAttempt('a', inputs)).toThrow(`inputs.${name} `);
    expect([...controller.backends()]).toEqual([]);
    controller.dispose();
  });

  it('may be for a backend that is a proxy, without reading more than its fields', () => {
    const controller = new HandoffController({ clock: new ManualClock() });
    const key = { serviceName: 'a', serviceVersion: '1.0.0', instance: 'x' };
    expect(controller.shouldAttempt(shy(key), ENABLED)).toEqual({ type: 'attempt' });
    expect([...controller.backends()]).toEqual([key]);
    controller.dispose();
  });

  it('need a readable policy; otherwise the error names it', () => {
    const policy = shy({}) as HandoffFallbackPolicyOptions;
    expect(() => new HandoffController({ policy })).toThrow("policy can't be read: shy");
  });

  it('accept one of three failures', () => {
    const controller = new HandoffController({ clock: new ManualClock() });
    expect(() => controller.recordFailedAttempt('a', 'tooSlow' as never)).toThrow(
      'failure must be one of permissionDenied, integrityMismatch, backendAckTimeout, but is "tooSlow"',
    );
    controller.dispose();
  });
});

describe('the clock', () => {
  function start() {
    const clock = new ManualClock();
    let reads = 0;
    const counted = {
      now: () => {
        reads += 1;
        return clock.now();
      },
      setTimeout: clock.setTimeout,
      clearTimeout: clock.clearTimeout,
    };
    const controller = new HandoffController({ clock: counted });
    return {
      controller,
      readsOf: (call: () => unknown): number => {
        reads = 0;
        call();
        return reads;
      },
    };
  }

  it('is not read if time does not matter', () => {
    const { controller, readsOf } = start();
    expect(readsOf(() => controller.shouldAttempt('a', ENABLED))).toBe(0);
    expect(readsOf(() => controller.shouldAttempt('a', ENABLED))).toBe(0);
    expect(readsOf(() => controller.recordAbandonedAttempt('a'))).toBe(0);
    expect(readsOf(() => controller.recordSuccess('a'))).toBe(0);
    controller.recordFailedAttempt('a', 'permissionDenied');
    // Now there is a window.
    expect(readsOf(() => controller.shouldAttempt('a', ENABLED))).toBe(1);
    expect(readsOf(() => controller.shouldAttempt('a', ENABLED, 5_000))).toBe(0);
    controller.dispose();
  });

  it('of the system keeps no process alive, and clears its timers', async () => {
    const before = Date.now();
    expect(systemClock.wallNow?.()).toBeGreaterThanOrEqual(before);
    expect(systemClock.now()).toBeLessThanOrEqual(performance.now());
    const fired: string[] = [];
    const timer = systemClock.setTimeout(() => fired.push('cleared'), 1) as NodeJS.Timeout;
    expect(timer.hasRef()).toBe(false);
    systemClock.clearTimeout(timer);
    await new Promise<void>((resolve) => {
      const due = systemClock.setTimeout(() => {
        fired.push('due');
        resolve();
      }, 2) as NodeJS.Timeout;
      due.ref();
    });
    expect(fired).toEqual(['due']);
  });

  it('of a browser has numbers as timers', () => {
    const timers = jest.spyOn(global, 'setTimeout').mockReturnValue(7 as unknown as NodeJS.Timeout);
    try {
      expect(systemClock.setTimeout(() => {}, 1)).toBe(7);
    } finally {
      timers.mockRestore();
    }
  });

  it.each(['now', 'wallNow', 'setTimeout', 'clearTimeout'])(
    'without a %s that is a function is refused',
    (name) => {
      const clock = new ManualClock();
      const { now, wallNow, setTimeout, clearTimeout } = clock;
      const given = { now, wallNow, setTimeout, clearTimeout };
      const make = (value: unknown) => new HandoffController({ clock: { ...given, [name]: value } as never });
      expect(() => make(7)).toThrow(`clock.${name} must be a function, but is 7`);
      if (name === 'wallNow') make(undefined).dispose();
      else expect(() => make(undefined)).toThrow(`clock.${name} must be a function`);
      const throwing = Object.defineProperty({ ...given }, name, {
        enumerable: true,
        get: () => {
          throw new Error('out of order');
        },
      });
      expect(() => new HandoffController({ clock: throwing })).toThrow("can't be read: out of order");
    },
  );

  it('without a valid time of day is refused if one is needed', () => {
    const clock = Object.assign(new ManualClock(), { wallNow: () => Number.NaN });
    const controller = new HandoffController({ clock });
    expect(() => controller.getPersistedSnapshot()).toThrow('clock.wallNow()');
    controller.dispose();
  });
});

describe('options', () => {
  it('are refused by name', () => {
    expect(() => new HandoffController({ onCallbackError: 7 as never })).toThrow(
      'onCallbackError must be a function',
    );
    const onCallbackError = (): void => {};
    new HandoffController({ onCallbackError, maxBackends: 1, policy: {}, clock: systemClock }).dispose();
  });

  it('let a handle keep its key, whatever the caller does with the object', () => {
    const controller = new HandoffController({ clock: new ManualClock() });
    const key = { ...KEY };
    const handle = controller.backend(key);
    key.serviceName = 'changed';
    handle.recordFailedAttempt('permissionDenied');
    expect([...controller.backends()]).toEqual([KEY]);
    expect(handle.backend).toEqual(KEY);
    expect(controller.backend('name').backend).toBe('name');
    controller.dispose();
  });

  it('pass nothing to an observer after the end', () => {
    const events: unknown[] = [];
    const controller = new HandoffController({
      clock: new ManualClock(),
      inspect: (event) => events.push(event),
    });
    controller.recordFailedAttempt('a', HANDOFF_FAILURES[0] ?? 'permissionDenied');
    const actor = controller.actorOf('a');
    controller.dispose();
    expect(actor.getSnapshot().status).toBe('stopped');
    const count = events.length;
    actor.send({ type: 'backend.adopted' });
    expect(events.slice(count)).toEqual([]);
  });
});

describe('a snapshot that is refused', () => {
  const GOOD = { version: 1, wallTimeMs: 0, backends: [] };
  const backend = (value: unknown) => ({ ...GOOD, backends: [value] });

  it.each([
    [7, 'snapshot must be an object, but is 7'],
    [{ ...GOOD, version: 2 }, 'snapshot.version must be 1, but is 2'],
    [{ ...GOOD, backends: {} }, 'snapshot.backends must be an array, but is '],
    [{ ...GOOD, backends: 'ab' }, 'snapshot.backends must be an array, but is "ab"'],
    [{ ...GOOD, wallTimeMs: -1 }, 'snapshot.wallTimeMs must be '],
    [backend(7), 'snapshot.backends[0] must be an object, but is 7'],
    [backend({ backend: 'a', adopted: 1 }), 'snapshot.backends[0].adopted must be a boolean, but is 1'],
    [backend({ backend: '', adopted: true }), 'backend must be a non-empty string'],
    [backend({ backend: 'a', adopted: true, window: 7 }), 'snapshot.backends[0].window must be an object'],
    [
      backend({ backend: 'a', adopted: true, window: { failedAttempts: -1, remainingMs: 0 } }),
      'snapshot.backends[0].window.failedAttempts must be',
    ],
    [
      backend({ backend: 'a', adopted: true, window: { failedAttempts: 1, remainingMs: -1 } }),
      'snapshot.backends[0].window.remainingMs must be',
    ],
    [
      { ...GOOD, backends: [1, 2].map(() => ({ backend: { ...KEY }, adopted: true })) },
      'snapshot.backends must be an array without duplicates, but is 2',
    ],
  ])('says which field is wrong, case %#', (snapshot, reason) => {
    let error: unknown;
    try {
      HandoffController.restore(snapshot, { clock: new ManualClock() });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({
      code: 'ERR_INVALID_SNAPSHOT',
      message: expect.stringContaining(`Refused a persisted snapshot: ${reason}`),
      cause: { message: expect.stringContaining(reason) },
    });
  });

  it('has the same backend twice, in whatever order its fields stand', () => {
    const { instance, serviceName, serviceVersion } = KEY;
    const keys = [KEY, { serviceVersion, serviceName, instance }];
    const snapshot = { ...GOOD, backends: keys.map((one) => ({ backend: one, adopted: true })) };
    expect(() => HandoffController.restore(snapshot)).toThrow('without duplicates, but is 2');
  });

  it('is none with keys that differ, nor with a name that looks like a key', () => {
    const keys = [KEY, { ...KEY, serviceName: 'other' }, '6,3,sharedsvc1.0.0'];
    const snapshot = { ...GOOD, backends: keys.map((one) => ({ backend: one, adopted: true })) };
    const controller = HandoffController.restore(snapshot, { clock: new ManualClock() });
    expect([...controller.backends()]).toEqual(keys);
    controller.dispose();
  });
});
