import type { InspectionEvent } from 'xstate';
import { HandoffAttemptInputs, HandoffController, type HandoffControllerOptions } from '../../src';
import { ManualClock } from '../support/ManualClock';

const KEY = { instance: 'shared', serviceName: 'svc', serviceVersion: '1.0.0' };
const ENABLED = HandoffAttemptInputs.enabled();
const TWO_IN_A_SECOND = { maxFailedAttemptsPerWindow: 2, failedAttemptWindowMs: 1_000 };

function start(options: HandoffControllerOptions = {}): {
  controller: HandoffController;
  clock: ManualClock;
} {
  const clock = new ManualClock();
  return { controller: new HandoffController({ policy: TWO_IN_A_SECOND, clock, ...options }), clock };
}

function fail(controller: HandoffController, times: number, now?: number): void {
  for (let n = 0; n < times; n++) {
    controller.recordFailedAttempt(KEY, 'backendAckTimeout', ...(now === undefined ? [] : [now]));
  }
}

describe('HandoffController', () => {
  it('follows overlapping attempts until the last of them ended', () => {
    const { controller } = start();
    controller.shouldAttempt(KEY, ENABLED);
    controller.shouldAttempt(KEY, ENABLED);
    controller.shouldAttempt(KEY, ENABLED);
    controller.recordAbandonedAttempt(KEY);
    fail(controller, 1);
    expect(controller.stateOf(KEY)).toBe('attempting');
    controller.recordSuccess(KEY);
    expect(controller.stateOf(KEY)).toBe('idle');
    // One too many is not held against the next.
    controller.recordSuccess(KEY);
    controller.shouldAttempt(KEY, ENABLED);
    expect(controller.stateOf(KEY)).toBe('attempting');
    controller.dispose();
  });

  it('leaves rateLimited for attempting when an attempt outlives the window', () => {
    const { controller, clock } = start();
    controller.shouldAttempt(KEY, ENABLED);
    controller.shouldAttempt(KEY, ENABLED);
    controller.shouldAttempt(KEY, ENABLED);
    fail(controller, 2);
    expect(controller.stateOf(KEY)).toBe('rateLimited');
    clock.advance(1_000);
    expect(controller.actorOf(KEY).getSnapshot().value.handoff).toBe('attempting');
    controller.dispose();
  });

  it('decides by the time of the call while the event loop is blocked past the end of a window', () => {
    const { controller, clock } = start();
    fail(controller, 2);
    clock.jump(999);
    expect(controller.shouldAttempt(KEY, ENABLED)).toMatchObject({ retryAfterMs: 1 });
    clock.jump(1);
    expect(controller.shouldAttempt(KEY, ENABLED)).toEqual({ type: 'attempt' });
    // The timer that fires late belongs to the window before: the new one goes on.
    clock.advance(999);
    expect(controller.actorOf(KEY).getSnapshot().value.window).toBe('open');
    clock.advance(1);
    expect(controller.actorOf(KEY).getSnapshot().value.window).toBe('elapsed');
    controller.dispose();
  });

  it('does not trust a timer that fires early', () => {
    const { controller, clock } = start();
    fail(controller, 2, 5_000);
    clock.advance(1_000);
    expect(controller.actorOf(KEY).getSnapshot().value.window).toBe('elapsed');
    expect(controller.stateOf(KEY, 5_900)).toBe('rateLimited');
    expect(controller.shouldAttempt(KEY, ENABLED, 5_900)).toMatchObject({ retryAfterMs: 100 });
    expect(clock.pending).toEqual([clock.time + 100]);
    controller.dispose();
  });

  it('shows the end of a window to observers, with a timer for the rest at an explicit now', () => {
    const { controller, clock } = start();
    const seen: string[] = [];
    fail(controller, 1, 77_000);
    controller.actorOf(KEY).subscribe(({ value }) => seen.push(`${value.handoff}/${value.window}`));
    fail(controller, 1, 77_400);
    // By the caller's time 600 are left, whatever the clock says.
    expect(clock.pending).toEqual([clock.time + 600]);
    clock.advance(600);
    expect(seen).toEqual(['rateLimited/open', 'idle/elapsed']);
    controller.dispose();
  });

  it('holds windows longer than one timer of the platform', () => {
    const month = 31 * 24 * 3_600_000;
    const { controller, clock } = start({
      policy: { maxFailedAttemptsPerWindow: 1, failedAttemptWindowMs: 2 * month },
    });
    fail(controller, 1);
    const delays: number[] = [];
    for (let next = clock.pending[0]; next !== undefined; next = clock.pending[0]) {
      delays.push(next - clock.time);
      clock.advance(next - clock.time);
      if (controller.actorOf(KEY).getSnapshot().value.window === 'elapsed') break;
    }
    expect(Math.max(...delays)).toBeLessThan(2 ** 31);
    expect(delays.reduce((sum, delay) => sum + delay)).toBe(2 * month);
    expect(controller.stateOf(KEY)).toBe('idle');
    controller.dispose();
  });

  it('creates nothing for an unknown backend by reading, by checks 1 to 3, or by a result without an attempt', () => {
    const { controller } = start();
    controller.stateOf(KEY);
    controller.failedAttemptCount(KEY);
    controller.shouldAttempt(KEY, HandoffAttemptInputs.of(false, true, false));
    controller.shouldAttempt(KEY, HandoffAttemptInputs.of(true, false, false));
    controller.shouldAttempt(KEY, HandoffAttemptInputs.of(true, true, true));
    controller.recordSuccess(KEY);
    controller.recordAbandonedAttempt(KEY);
    controller.markSpawned(KEY);
    controller.forget(KEY);
    expect([...controller.backends()]).toEqual([]);
    controller.actorOf(KEY);
    expect([...controller.backends()]).toEqual([KEY]);
    controller.dispose();
  });

  it('forgets a backend with its timer', () => {
    const { controller, clock } = start();
    fail(controller, 2);
    const actor = controller.actorOf(KEY);
    controller.forget(KEY);
    expect(actor.getSnapshot().status).toBe('stopped');
    expect(clock.pending).toEqual([]);
    expect([...controller.backends()]).toEqual([]);
    expect(controller.shouldAttempt(KEY, ENABLED)).toEqual({ type: 'attempt' });
    controller.dispose();
  });

  it('lists backends in order of creation, names and keys alike', () => {
    const { controller } = start({ maxBackends: 3 });
    for (const backend of [KEY, 'a', { ...KEY, serviceVersion: '2' }]) controller.hold(backend);
    expect([...controller.backends()]).toEqual([KEY, 'a', { ...KEY, serviceVersion: '2' }]);
    // The oldest goes first, be it a name or a key.
    controller.hold('b');
    controller.hold('c');
    expect([...controller.backends()]).toEqual([{ ...KEY, serviceVersion: '2' }, 'b', 'c']);
    controller.dispose();
  });

  it('shows no window once it is over, even if nobody has read it since', () => {
    const { controller, clock } = start();
    fail(controller, 1);
    clock.jump(999);
    expect(controller.windowOf(KEY)).toEqual({ failedAttempts: 1, remainingMs: 1 });
    clock.jump(1);
    expect(controller.windowOf(KEY)).toBeUndefined();
    expect(controller.windowOf(KEY, clock.time - 1)).toEqual({ failedAttempts: 1, remainingMs: 1 });
    controller.dispose();
  });

  it('gives frozen decisions', () => {
    const { controller } = start();
    const attempt = controller.shouldAttempt(KEY, ENABLED);
    const fallback = controller.shouldAttempt(KEY, HandoffAttemptInputs.of(false, true, false));
    const failed = controller.recordFailedAttempt(KEY, 'permissionDenied');
    for (const shared of [attempt, fallback, failed]) expect(Object.isFrozen(shared)).toBe(true);
    fail(controller, 1);
    const limited = controller.shouldAttempt(KEY, ENABLED);
    expect(controller.shouldAttempt(KEY, ENABLED)).not.toBe(limited);
    controller.dispose();
  });

  it('names an actor after its backend, with the instance unless it is the usual one', () => {
    const { controller } = start();
    expect(controller.actorOf(KEY).id).toBe('svc@1.0.0');
    expect(controller.actorOf({ ...KEY, instance: 'blue' }).id).toBe('blue/svc@1.0.0');
    expect(controller.actorOf('plain').id).toBe('plain');
    controller.dispose();
  });

  it('counts nothing if the clock cannot set a timer', () => {
    const { clock } = start();
    let isBroken = true;
    const setTimeout = (fn: () => void, ms: number): number => {
      if (isBroken) throw new Error('no timers left');
      return clock.setTimeout(fn, ms);
    };
    const controller = new HandoffController({ policy: TWO_IN_A_SECOND, clock: { ...clock, setTimeout } });
    expect(() => fail(controller, 1)).toThrow('no timers left');
    expect([...controller.backends()]).toEqual([]);
    controller.shouldAttempt(KEY, ENABLED);
    expect(() => fail(controller, 1)).toThrow('no timers left');
    expect(controller.stateOf(KEY)).toBe('attempting');
    expect(controller.failedAttemptCount(KEY)).toBe(0);
    isBroken = false;
    fail(controller, 1, 5_000);
    isBroken = true;
    // Less is left by this time, so the timer would have to be sooner.
    expect(() => fail(controller, 1, 5_500)).toThrow('no timers left');
    expect(controller.failedAttemptCount(KEY, 5_500)).toBe(1);
    controller.dispose();
  });

  it('bounds its table for a large budget, and loses no count', () => {
    const policy = { maxFailedAttemptsPerWindow: 20_000, failedAttemptWindowMs: 1_000 };
    const { controller } = start({ policy });
    controller.recordFailedAttempt('other', 'permissionDenied');
    fail(controller, 5_000);
    expect(controller.failedAttemptCount(KEY)).toBe(5_000);
    expect(controller.failedAttemptCount('other')).toBe(1);
    // What is as good as unknown still is.
    controller.failedAttemptCount('unknown');
    expect([...controller.backends()]).toEqual(['other', KEY]);
    controller.dispose();
  });

  it('knows nothing of another controller', () => {
    const one = start();
    const two = start();
    fail(one.controller, 2);
    expect(two.controller.stateOf(KEY)).toBe('idle');
    one.controller.dispose();
    expect(two.controller.shouldAttempt(KEY, ENABLED)).toEqual({ type: 'attempt' });
    two.controller.dispose();
  });

  it('throws from every method after dispose, and leaves no timer', () => {
    const { controller, clock } = start();
    fail(controller, 1);
    const actor = controller.actorOf(KEY);
    {
      using disposed = controller;
      expect(disposed.stateOf(KEY)).toBe('idle');
    }
    expect(clock.pending).toEqual([]);
    expect(actor.getSnapshot().status).toBe('stopped');
    for (const call of [
      () => controller.shouldAttempt(KEY, ENABLED),
      () => controller.recordFailedAttempt(KEY, 'permissionDenied'),
      () => controller.recordSuccess(KEY),
      () => controller.recordAbandonedAttempt(KEY),
      () => controller.failedAttemptCount(KEY),
      () => controller.markAdopted(KEY),
      () => controller.markSpawned(KEY),
      () => controller.markRejoined(KEY),
      () => controller.stateOf(KEY),
      () => controller.actorOf(KEY),
      () => controller.backends(),
      () => controller.forget(KEY),
      () => controller.inspect(() => undefined),
      () => controller.getPersistedSnapshot(),
    ]) {
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
    }
    expect(() => controller.dispose()).not.toThrow();
  });

  it('refuses an observer that asks it for the backend whose event is being processed', () => {
    const { controller } = start();
    const errors: unknown[] = [];
    controller.actorOf(KEY).subscribe(() => {
      try {
        controller.failedAttemptCount(KEY);
      } catch (error) {
        errors.push(error);
      }
    });
    fail(controller, 1);
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_REENTRANT_CALL' })]);
    expect(controller.failedAttemptCount(KEY)).toBe(1);
    controller.dispose();
  });
});

describe('inspection', () => {
  it('does not affect a decision when an observer throws or calls back', () => {
    const { controller, clock } = start();
    const printed = jest.spyOn(console, 'error').mockImplementation(() => {});
    controller.inspect(() => {
      throw new Error('observer');
    });
    const asked: unknown[] = [];
    controller.inspect((event) => {
      if (event.type !== '@xstate.actor') return;
      asked.push(controller.backendOf(event.actorRef), controller.actorOf(KEY) === event.actorRef);
    });
    fail(controller, 2);
    expect(asked).toEqual([KEY, true]);
    expect(printed).toHaveBeenCalled();
    expect(controller.stateOf(KEY)).toBe('rateLimited');
    expect(controller.actorOf(KEY).getSnapshot().context.failedAttempts).toBe(2);
    clock.advance(1_000);
    expect(controller.actorOf(KEY).getSnapshot().value).toEqual({ handoff: 'idle', window: 'elapsed' });
    controller.dispose();
    printed.mockRestore();
  });

  it('ends one of two subscriptions of the same object', () => {
    const { controller } = start();
    const observer = { next: jest.fn() };
    const first = controller.inspect(observer);
    controller.inspect(observer);
    first.unsubscribe();
    fail(controller, 1);
    expect(observer.next).toHaveBeenCalled();
    controller.dispose();
  });

  const seenBy = (events: InspectionEvent[]) => events.map(({ type }) => type);

  it('passes each actor, event and snapshot to an observer given at the start', () => {
    const events: InspectionEvent[] = [];
    const { controller } = start({ inspect: (event) => events.push(event) });
    fail(controller, 1);
    expect(seenBy(events)).toEqual(
      expect.arrayContaining(['@xstate.actor', '@xstate.event', '@xstate.snapshot', '@xstate.microstep']),
    );
    expect(events[0]).toMatchObject({ type: '@xstate.actor', actorRef: { id: 'svc@1.0.0' } });
    controller.dispose();
  });

  it('replays living actors to a late observer, then goes on, once each', () => {
    const { controller } = start();
    fail(controller, 1);
    const first: InspectionEvent[] = [];
    const second: InspectionEvent[] = [];
    const one = controller.inspect((event) => first.push(event));
    const two = controller.inspect({ next: (event: InspectionEvent) => second.push(event) });
    expect(seenBy(first)).toEqual(['@xstate.actor', '@xstate.snapshot']);
    expect(first[0]).toMatchObject({ actorRef: { id: 'svc@1.0.0', logic: { id: 'backendHandoff' } } });
    expect(first[1]).toMatchObject({ snapshot: { context: { failedAttempts: 1 } } });
    fail(controller, 1);
    controller.recordFailedAttempt('another', 'permissionDenied');
    expect(seenBy(first)).toEqual(seenBy(second));
    expect(first.filter(({ type }) => type === '@xstate.actor')).toHaveLength(2);
    expect(
      first.filter((event) => event.type === '@xstate.event' && event.event.type === 'attempt.failed'),
    ).toHaveLength(2);
    one.unsubscribe();
    const before = first.length;
    fail(controller, 1);
    expect(first).toHaveLength(before);
    two.unsubscribe();
    const third: InspectionEvent[] = [];
    controller.inspect((event) => third.push(event));
    controller.recordSuccess('another');
    expect(third.filter(({ type }) => type === '@xstate.event')).toHaveLength(1);
    controller.dispose();
  });
});

describe('a persisted snapshot', () => {
  function restart(options: {
    passedMs: number;
    policy?: HandoffControllerOptions['policy'];
    prepare: (controller: HandoffController) => void;
  }): HandoffController {
    const { controller, clock } = start();
    options.prepare(controller);
    const json = JSON.stringify(controller.getPersistedSnapshot());
    controller.dispose();
    const later = new ManualClock(5, clock.wallTime + options.passedMs);
    return HandoffController.restore(JSON.parse(json), {
      policy: options.policy ?? TWO_IN_A_SECOND,
      clock: later,
    });
  }

  it.each([
    [0, 1_000],
    [400, 600],
    [999.5, 0.5],
    [-5_000, 1_000],
  ])('continues with the rest of a window after %p ms', (passedMs, retryAfterMs) => {
    const restored = restart({ passedMs, prepare: (controller) => fail(controller, 2) });
    expect(restored.stateOf(KEY)).toBe('rateLimited');
    expect(restored.shouldAttempt(KEY, ENABLED)).toMatchObject({
      reason: 'failedAttemptRateLimited',
      retryAfterMs,
    });
    restored.dispose();
  });

  it('finds a window over that ended meanwhile', () => {
    const restored = restart({ passedMs: 1_000, prepare: (controller) => fail(controller, 2) });
    expect(restored.stateOf(KEY)).toBe('idle');
    expect(restored.shouldAttempt(KEY, ENABLED)).toEqual({ type: 'attempt' });
    restored.dispose();
  });

  it('re-arms the timer for the rest', () => {
    const { controller, clock } = start();
    fail(controller, 2);
    clock.jump(300);
    const restored = HandoffController.restore(controller.getPersistedSnapshot(), {
      policy: TWO_IN_A_SECOND,
      clock,
    });
    controller.dispose();
    expect(clock.pending).toEqual([clock.time + 700]);
    clock.advance(700);
    expect(restored.actorOf(KEY).getSnapshot().value).toEqual({ handoff: 'idle', window: 'elapsed' });
    restored.dispose();
  });

  it('continues from the given time of the new time base', () => {
    const { controller, clock } = start();
    fail(controller, 2);
    clock.jump(300);
    const restored = HandoffController.restore(controller.getPersistedSnapshot(), {
      policy: TWO_IN_A_SECOND,
      clock,
      now: 50_000,
    });
    controller.dispose();
    expect(restored.windowOf(KEY, 50_100)).toEqual({ failedAttempts: 2, remainingMs: 600 });
    expect(restored.stateOf(KEY, 50_699)).toBe('rateLimited');
    expect(restored.stateOf(KEY, 50_700)).toBe('idle');
    restored.dispose();
  });

  it('uses the time of day of the system if the clock has none', () => {
    const { now, setTimeout, clearTimeout } = new ManualClock();
    const controller = new HandoffController({ clock: { now, setTimeout, clearTimeout } });
    const before = Date.now();
    const { wallTimeMs } = controller.getPersistedSnapshot();
    expect(wallTimeMs).toBeGreaterThanOrEqual(before);
    expect(wallTimeMs).toBeLessThanOrEqual(Date.now());
    controller.dispose();
  });

  it('lets the new policy cap the count and the remainder', () => {
    const tighter = restart({
      passedMs: 0,
      policy: { maxFailedAttemptsPerWindow: 1, failedAttemptWindowMs: 50 },
      prepare: (controller) => fail(controller, 2),
    });
    expect(tighter.shouldAttempt(KEY, ENABLED)).toMatchObject({ retryAfterMs: 50 });
    expect(tighter.failedAttemptCount(KEY)).toBe(1);
    tighter.dispose();
    const wider = restart({
      passedMs: 0,
      policy: { maxFailedAttemptsPerWindow: 3, failedAttemptWindowMs: 9_000 },
      prepare: (controller) => fail(controller, 2),
    });
    expect(wider.stateOf(KEY)).toBe('idle');
    fail(wider, 1);
    expect(wider.shouldAttempt(KEY, ENABLED)).toMatchObject({ retryAfterMs: 1_000 });
    wider.dispose();
  });

  it('keeps adoption, drops attempts in flight, and restores no backend with neither window nor adoption', () => {
    const restored = restart({
      passedMs: 0,
      prepare: (controller) => {
        controller.shouldAttempt(KEY, ENABLED);
        fail(controller, 1);
        controller.shouldAttempt(KEY, ENABLED);
        controller.markAdopted('other');
        controller.shouldAttempt('busy', ENABLED);
      },
    });
    expect(new Set(restored.backends())).toEqual(new Set([KEY, 'other']));
    expect(restored.stateOf(KEY)).toBe('idle');
    expect(restored.failedAttemptCount(KEY)).toBe(1);
    expect(restored.stateOf('other')).toBe('adopted');
    restored.dispose();
  });

  const good = {
    version: 1,
    wallTimeMs: 0,
    backends: [{ backend: 'svc', adopted: false, window: { failedAttempts: 1, remainingMs: 5 } }],
  };
  const [one] = good.backends;

  it.each<[string, unknown, RegExp]>([
    ['no object', null, /snapshot.*null/],
    ['text', JSON.stringify(good), /snapshot/],
    ['another version', { ...good, version: 2 }, /snapshot\.version.*2/],
    ['no version', { ...good, version: undefined }, /snapshot\.version.*undefined/],
    ['no time', { ...good, wallTimeMs: undefined }, /snapshot\.wallTimeMs/],
    ['backends that are no array', { ...good, backends: {} }, /snapshot\.backends/],
    ['a backend that is none', { ...good, backends: [null] }, /backends\[0\]/],
    ['a bad key', { ...good, backends: [{ ...one, backend: '' }] }, /backend.*""/],
    ['no adoption', { ...good, backends: [{ backend: 'svc' }] }, /backends\[0\]\.adopted/],
    [
      'a fractional count',
      { ...good, backends: [{ ...one, window: { failedAttempts: 1.5, remainingMs: 5 } }] },
      /failedAttempts.*1\.5/,
    ],
    [
      'a negative remainder',
      { ...good, backends: [{ ...one, window: { failedAttempts: 1, remainingMs: -5 } }] },
      /remainingMs.*-5/,
    ],
    ['a window that is null', { ...good, backends: [{ ...one, window: null }] }, /window.*null/],
    ['the same backend twice', { ...good, backends: [one, one] }, /duplicates/],
  ])('with %s is refused', (_, snapshot, names) => {
    expect(() => HandoffController.restore(snapshot)).toThrow(names);
    expect(() => HandoffController.restore(snapshot)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_SNAPSHOT' }),
    );
  });
});
