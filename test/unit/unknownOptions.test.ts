import {
  HandoffAttemptInputs,
  HandoffController,
  type HandoffControllerOptions,
  HandoffFallbackPolicy,
} from '../../src';
import { ManualClock } from '../support/ManualClock';

/** Hands a value to a parameter that its type rules out, as plain JavaScript can. */
function untyped<T>(value: unknown): T {
  return value as T;
}

function errorOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('an unknown option is refused, with the nearest known name', () => {
  const snapshot = new HandoffController().getPersistedSnapshot();
  it.each<[string, () => unknown, string]>([
    [
      'HandoffController',
      () => new HandoffController(untyped({ maxBackend: 5 })),
      'unknown option `maxBackend`; did you mean `maxBackends`?',
    ],
    [
      'HandoffController, other case',
      () => new HandoffController(untyped({ maxbackends: 5 })),
      'unknown option `maxbackends`; did you mean `maxBackends`?',
    ],
    [
      'HandoffController, letters swapped',
      () => new HandoffController(untyped({ polciy: {} })),
      'unknown option `polciy`; did you mean `policy`?',
    ],
    [
      'HandoffController, its policy',
      () => new HandoffController({ policy: untyped({ failedAttemptWindow: 5 }) }),
      'unknown option `policy.failedAttemptWindow`; did you mean `failedAttemptWindowMs`?',
    ],
    [
      'HandoffFallbackPolicy',
      () => new HandoffFallbackPolicy(untyped({ maxFailedAttempts: 5 })),
      'unknown option `policy.maxFailedAttempts`; did you mean `maxFailedAttemptsPerWindow`?',
    ],
    [
      'HandoffController.restore',
      () => HandoffController.restore(snapshot, untyped({ nwo: 5 })),
      'unknown option `nwo`; did you mean `now`?',
    ],
    [
      'a clock',
      () => new HandoffController({ clock: untyped({ ...clockMethods(), wallnow: () => 5 }) }),
      'unknown option `clock.wallnow`; did you mean `wallNow`?',
    ],
    [
      'inputs that lack the one that was meant',
      () =>
        new HandoffController().shouldAttempt(
          'a',
          untyped({ clientSupportHandoff: true, servicePolicyEnabled: true, fdPressureDisabled: false }),
        ),
      'unknown option `inputs.clientSupportHandoff`; did you mean `clientSupportsHandoff`?',
    ],
    [
      'an input that may be left out',
      () =>
        new HandoffController().shouldAttempt(
          'a',
          untyped({ ...HandoffAttemptInputs.enabled(), backendAdoptedExiting: true }),
        ),
      'unknown option `inputs.backendAdoptedExiting`; did you mean `backendAdoptedExisting`?',
    ],
    [
      'an input beside all there are, of a handle, to `explain`',
      () =>
        new HandoffController()
          .backend('a')
          .explain(untyped({ ...HandoffAttemptInputs.adoptedBackend(true), colour: 'red' })),
      'unknown option `inputs.colour`; there are clientSupportsHandoff, servicePolicyEnabled, fdPressureDisabled, backendAdoptedExisting',
    ],
    [
      'one that is near to none',
      () => new HandoffController(untyped({ colour: 'red' })),
      'unknown option `colour`; there are policy, clock, maxBackends, inspect, onCallbackError',
    ],
  ])('%s', (_, call, message) => {
    expect(errorOf(call)).toEqual(expect.objectContaining({ code: 'ERR_UNKNOWN_OPTION', message }));
  });

  it('that is undefined counts as omitted', () => {
    const options = { polcy: undefined, policy: undefined, clock: undefined, maxBackends: undefined };
    expect(new HandoffController(options).policy.maxFailedAttemptsPerWindow).toBe(8);
  });

  it('objects of a class, inherited options and an object\u2019s own members are accepted', () => {
    class Options {
      get maxBackends(): number {
        return 1;
      }
    }
    const controller = new HandoffController(new Options());
    controller.hold('a');
    controller.hold('b');
    expect([...controller.backends()]).toEqual(['b']);
    const policy = new HandoffFallbackPolicy({ maxFailedAttemptsPerWindow: 3 });
    expect(new HandoffController(Object.create({ policy }) as HandoffControllerOptions).policy).toBe(policy);
    expect(new HandoffController({ clock: new ManualClock() }).stateOf('a')).toBe('idle');
    const clock = { ...clockMethods(), wallClock: 5, advance: () => {} };
    expect(new HandoffController({ clock }).stateOf('a')).toBe('idle');
  });

  it('inputs of a class, inherited ones, and an unknown one that is undefined are accepted', () => {
    class Inputs {
      clientSupportsHandoff = true;
      get servicePolicyEnabled(): boolean {
        return true;
      }
      get fdPressureDisabled(): boolean {
        return false;
      }
    }
    const enabled = HandoffAttemptInputs.enabled();
    const inherited = Object.create({ ...enabled, note: 'of its kind' });
    const controller = new HandoffController();
    for (const inputs of [new Inputs(), inherited, { ...enabled, note: undefined }, Object.freeze(enabled)]) {
      expect(controller.shouldAttempt('a', inputs)).toEqual({ type: 'attempt' });
    }
    const adopted = { ...enabled, backendAdoptedExisting: true, note: undefined };
    expect(controller.shouldAttempt('a', adopted)).toMatchObject({ reason: 'adoptedBackend' });
    const misspelt = untyped<HandoffAttemptInputs>({ ...enabled, adopted: true });
    for (let time = 0; time < 2; time += 1) {
      expect(errorOf(() => controller.shouldAttempt('a', misspelt))).toMatchObject({
        code: 'ERR_UNKNOWN_OPTION',
      });
    }
  });

  it('a value that is not an options object is refused, even an empty one', () => {
    for (const value of [Promise.resolve({}), new Map(), new Date(), [], 'options', 5, null, () => {}]) {
      expect(errorOf(() => new HandoffController(untyped(value)))).toMatchObject({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_TYPE',
      });
    }
  });

  it('each is read once, so that the checked value is used', () => {
    let reads = 0;
    const options = {
      get maxBackends() {
        reads += 1;
        return reads === 1 ? 1 : Number.NaN;
      },
    };
    const controller = new HandoffController(options);
    controller.hold('a');
    expect(reads).toBe(1);
    controller.dispose();
  });
});

describe('a handle of another controller', () => {
  it('is refused, and changes nothing in either', () => {
    const one = new HandoffController();
    const other = new HandoffController();
    const handle = one.backend('a');
    handle.hold();
    expect(errorOf(() => other.recordFailedAttempt(handle, 'permissionDenied'))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
    expect(one.failedAttemptCount('a')).toBe(0);
    expect([...other.backends()]).toEqual([]);
    expect(handle.shouldAttempt(HandoffAttemptInputs.enabled())).toEqual({ type: 'attempt' });
  });
});

function clockMethods() {
  return { now: () => 0, setTimeout: () => undefined, clearTimeout: () => {} };
}
