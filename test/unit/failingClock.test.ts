import { HandoffAttemptInputs, HandoffController, type HandoffControllerOptions } from '../../src';
import { expectNoUnhandled } from '../support/expectNoUnhandled';
import { ManualClock } from '../support/ManualClock';

const ENABLED = HandoffAttemptInputs.enabled();

function mine(): never {
  throw new Error('mine');
}

const rejects = (): Promise<never> => Promise.reject(new Error('mine'));

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a clock that fails outside of a call', () => {
  const errors: unknown[] = [];
  let clock: ManualClock;
  let mistake: Partial<Record<'now' | 'wallNow' | 'setTimeout' | 'clearTimeout', () => unknown>>;
  let timersFire: (() => void)[];

  beforeEach(() => {
    errors.length = 0;
    clock = new ManualClock();
    mistake = {};
    timersFire = [];
  });
  expectNoUnhandled();

  function start(options: HandoffControllerOptions = {}): HandoffController {
    const call = <T>(name: keyof typeof mistake, right: () => T): T => (mistake[name] ?? right)() as T;
    return new HandoffController({
      clock: {
        now: () => call('now', clock.now),
        wallNow: () => call('wallNow', clock.wallNow),
        setTimeout: (fn, ms) => {
          timersFire.push(fn);
          return call('setTimeout', () => clock.setTimeout(fn, ms));
        },
        clearTimeout: (id) => call('clearTimeout', () => clock.clearTimeout(id)),
      },
      policy: { maxFailedAttemptsPerWindow: 1 },
      onCallbackError: (error) => errors.push(error),
      ...options,
    });
  }

  const isMine = expect.objectContaining({ message: expect.stringContaining('mine') });

  it.each<[string, () => unknown]>([
    ['throws', mine],
    ['rejects', rejects],
  ])(
    'setTimeout %s when a timer fires: it is told, and the next failure sets one again',
    async (_, fails) => {
      const controller = start();
      const states: string[] = [];
      controller.actorOf('a').subscribe(({ value }) => states.push(value.handoff));
      controller.recordFailedAttempt('a', 'permissionDenied');
      clock.advance(10_000);
      // The timer fires for the first window, finds it set anew, and has to be set again.
      controller.recordFailedAttempt('a', 'permissionDenied');
      controller.recordFailedAttempt('b', 'permissionDenied');
      mistake = { setTimeout: fails };
      expect(() => clock.advance(20_000)).not.toThrow();
      await turn();
      expect(errors).toEqual([isMine]);
      mistake = {};
      clock.advance(10_000);
      expect(controller.stateOf('a')).toBe('idle');
      controller.recordFailedAttempt('c', 'permissionDenied');
      clock.advance(30_000);
      // Everybody who watches has seen the end.
      expect(states).toEqual(['rateLimited', 'rateLimited', 'idle']);
      controller.dispose();
      expect(clock.pending).toEqual([]);
    },
  );

  it('setTimeout rejects within a call: the failure is counted, and the next one sets a timer', async () => {
    const controller = start();
    mistake = { setTimeout: rejects };
    expect(controller.recordFailedAttempt('a', 'permissionDenied').type).toBe('fallbackToReconnect');
    await turn();
    expect(errors).toEqual([isMine]);
    mistake = {};
    controller.recordFailedAttempt('b', 'permissionDenied');
    expect(clock.pending).toHaveLength(1);
    controller.dispose();
  });

  it('setTimeout throws within a call: the caller is told, and nothing has changed', () => {
    const controller = start();
    mistake = { setTimeout: mine };
    expect(() => controller.recordFailedAttempt('a', 'permissionDenied')).toThrow('mine');
    mistake = {};
    expect(controller.failedAttemptCount('a')).toBe(0);
    expect([...controller.backends()]).toEqual([]);
    expect(errors).toEqual([]);
    controller.dispose();
  });

  it.each<[string, () => unknown]>([
    ['throws', mine],
    ['rejects', rejects],
  ])('clearTimeout %s: calls go on, and an end is an end', async (_, fails) => {
    const controller = start();
    const actor = controller.actorOf('a');
    controller.recordFailedAttempt('a', 'permissionDenied');
    mistake = { clearTimeout: fails };
    controller.forget('a');
    expect(actor.getSnapshot().status).toBe('stopped');
    controller.recordFailedAttempt('b', 'permissionDenied');
    controller.dispose();
    expect(() => controller.stateOf('b')).toThrow('disposed');
    await turn();
    expect(errors).toEqual([isMine, isMine]);
    // What couldn't be cleared fires.
    mistake = { now: mine };
    for (const fire of timersFire) fire();
    await turn();
  });

  it.each<[string, () => unknown, string]>([
    ['throws', mine, 'mine'],
    ['rejects', rejects, 'clock.now() must be a number of milliseconds'],
    ['answers no number', () => 'today', 'clock.now() must be a number of milliseconds'],
  ])('now %s when a timer fires: it is told, and the end is seen with the next timer', (_, now, message) => {
    const controller = start();
    const seen: string[] = [];
    controller.actorOf('a').subscribe(({ value }) => seen.push(value.handoff));
    controller.recordFailedAttempt('a', 'permissionDenied');
    mistake = { now };
    expect(() => clock.advance(30_000)).not.toThrow();
    expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining(message) })]);
    mistake = {};
    controller.recordFailedAttempt('b', 'permissionDenied');
    clock.advance(30_000);
    expect(seen).toEqual(['rateLimited', 'idle']);
    controller.dispose();
  });

  it.each<[string, () => unknown]>([
    ['now', rejects],
    ['wallNow', rejects],
  ])('%s answers a promise within a call: the caller is told', async (name, answers) => {
    const controller = start();
    mistake = { [name]: answers };
    expect(() => controller.getPersistedSnapshot()).toThrow(/must be a number of milliseconds/);
    controller.dispose();
  });

  it.each<[string, () => unknown]>([
    ['throws', mine],
    ['rejects', rejects],
  ])('is told on standard error by default, and so is an observer that %s', async (_, observer) => {
    const printed = jest.spyOn(console, 'error').mockImplementation();
    try {
      const controller = start({ onCallbackError: undefined, inspect: observer as () => void });
      expect(controller.shouldAttempt('a', ENABLED)).toEqual({ type: 'attempt' });
      await turn();
      expect(printed).toHaveBeenCalledWith(expect.stringContaining('Error: mine'));
      printed.mockClear();
      controller.recordFailedAttempt('a', 'permissionDenied');
      mistake = { now: mine };
      clock.advance(30_000);
      expect(printed).toHaveBeenCalledWith(expect.stringContaining('Error: mine'));
      controller.dispose();
      await turn();
    } finally {
      printed.mockRestore();
    }
  });
});
