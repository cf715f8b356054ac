import { setup } from 'xstate';
import { fdPressure } from '../../machines';
import { HandoffAttemptInputs, HandoffController } from '../../src';
import { delayedEvent } from '../../src/chart/delayedEvent';
import { ManualClock } from '../support/ManualClock';

const KEY = { instance: 'i', serviceName: 's', serviceVersion: 'v' };

describe('the message for an invalid backend', () => {
  it.each([
    ['', 'backend must be a non-empty string, but is ""'],
    [7, 'backend must be an object, but is 7'],
    [{ ...KEY, instance: 1 }, 'backend.instance must be a string, but is 1'],
    [{ ...KEY, serviceName: null }, 'backend.serviceName must be a string, but is null'],
    [{ ...KEY, serviceVersion: true }, 'backend.serviceVersion must be a string, but is true'],
    [
      Object.defineProperty({ ...KEY }, 'instance', {
        get: () => {
          throw new Error('out of order');
        },
      }),
      "backend can't be read: out of order",
    ],
  ])('names the field and the value, case %#', (backend, message) => {
    const controller = new HandoffController({ clock: new ManualClock() });
    expect(() => controller.stateOf(backend as string)).toThrow(message);
    controller.dispose();
  });

  it('recognizes a handle of another controller', () => {
    const [one, other] = [new HandoffController(), new HandoffController()];
    expect(() => one.stateOf(other.backend('a'))).toThrow(
      'backend must be a handle of this controller, but is ',
    );
    one.dispose();
    other.dispose();
  });
});

describe('a handle', () => {
  it('ends an attempt that was abandoned', () => {
    const controller = new HandoffController({ clock: new ManualClock() });
    const handle = controller.backend(KEY);
    handle.shouldAttempt(HandoffAttemptInputs.enabled());
    expect(handle.stateOf()).toBe('attempting');
    handle.recordAbandonedAttempt();
    expect(handle.stateOf()).toBe('idle');
    controller.dispose();
  });
});

describe('the event of a delay', () => {
  it('is found by the delay\u2019s name, which one state alone may have', () => {
    expect(delayedEvent(fdPressure, 'exhaustedHold').type).toContain('exhaustedHold');
    expect(() => delayedEvent(fdPressure, 'none' as 'exhaustedHold')).toThrow(
      'fdPressure has 0 states with the delay none, not one',
    );
    const twice = setup({ delays: { pause: 10 } }).createMachine({
      id: 'twice',
      initial: 'one',
      states: { one: { after: { pause: 'other' } }, other: { after: { pause: 'one' } } },
    });
    expect(() => delayedEvent(twice, 'pause')).toThrow('twice has 2 states with the delay pause, not one');
  });
});
