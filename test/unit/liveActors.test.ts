import fc from 'fast-check';
import type { InspectionEvent } from 'xstate';
import { HANDOFF_FAILURES } from '../../machines';
import { type BackendId, HandoffAttemptInputs, HandoffController } from '../../src';
import { ReferenceModel } from '../model/ReferenceModel';
import { ManualClock } from '../support/ManualClock';

const POLICY = { maxFailedAttemptsPerWindow: 2, failedAttemptWindowMs: 1_000 };
const ENABLED = HandoffAttemptInputs.enabled();
const BACKENDS: readonly BackendId[] = [
  'a',
  { instance: 'shared', serviceName: 'b', serviceVersion: '1.0.0' },
  'c',
];

const CALLS: Readonly<Record<string, (controller: HandoffController, backend: BackendId) => unknown>> = {
  request: (controller, backend) => controller.shouldAttempt(backend, ENABLED),
  refused: (controller, backend) =>
    controller.shouldAttempt(backend, HandoffAttemptInputs.of(false, true, false)),
  adoptedRequest: (controller, backend) =>
    controller.shouldAttempt(backend, HandoffAttemptInputs.adoptedBackend(true)),
  ...Object.fromEntries(
    HANDOFF_FAILURES.map((failure) => [
      failure,
      (controller: HandoffController, backend: BackendId) => controller.recordFailedAttempt(backend, failure),
    ]),
  ),
  success: (controller, backend) => controller.recordSuccess(backend),
  abandoned: (controller, backend) => controller.recordAbandonedAttempt(backend),
  count: (controller, backend) => controller.failedAttemptCount(backend),
  adopted: (controller, backend) => controller.markAdopted(backend),
  spawned: (controller, backend) => controller.markSpawned(backend),
  rejoined: (controller, backend) => controller.markRejoined(backend),
  forget: (controller, backend) => controller.forget(backend),
};

const steps = fc.array(
  fc.record({
    call: fc.constantFrom(...Object.keys(CALLS), 'inspect', 'leave', 'ask'),
    backend: fc.constantFrom(...BACKENDS),
    wait: fc.constantFrom(0, 0, 0, 300, 1_000),
  }),
  { minLength: 5, maxLength: 30, size: 'max' },
);

/** What the actors of a controller's backends show, and what it would leave to a successor. */
function look(controller: HandoffController) {
  const backends = [...controller.backends()];
  return {
    backends,
    snapshot: controller.getPersistedSnapshot(),
    actors: backends.map((backend) => {
      const { status, value, context } = controller.actorOf(backend).getSnapshot();
      return { status, value, context };
    }),
  };
}

describe('the live actors of a controller', () => {
  it('have the state of the controller, while observers come and go', () => {
    fc.assert(
      fc.property(steps, (run) => {
        const clock = new ManualClock();
        const seen = new HandoffController({ policy: POLICY, clock });
        const unseen = new HandoffController({ policy: POLICY, clock });
        const observers: { unsubscribe(): void }[] = [];
        for (const { call, backend, wait } of run) {
          clock.advance(wait);
          if (call === 'inspect') observers.push(seen.inspect(() => {}));
          else if (call === 'leave') observers.shift()?.unsubscribe();
          else if (call === 'ask') {
            if ([...seen.backends()].some((one) => JSON.stringify(one) === JSON.stringify(backend))) {
              seen.actorOf(backend);
            }
          } else {
            expect(CALLS[call]?.(seen, backend)).toEqual(CALLS[call]?.(unseen, backend));
          }
        }
        const { actors, ...rest } = look(seen);
        const expected = look(unseen);
        expect(rest).toEqual({ backends: expected.backends, snapshot: expected.snapshot });
        // XState makes an actor's state anew, so that an own field may be left out.
        expect(actors).toEqual(expected.actors);
        seen.dispose();
        unseen.dispose();
        expect(clock.pending).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('of a restored controller have its state too', () => {
    const clock = new ManualClock();
    const before = new HandoffController({ policy: POLICY, clock });
    before.recordFailedAttempt('a', 'permissionDenied');
    before.recordFailedAttempt('a', 'permissionDenied');
    before.markAdopted('c');
    const snapshot = before.getPersistedSnapshot();
    const events: InspectionEvent[] = [];
    const inspect = (event: InspectionEvent): void => void events.push(event);
    const watched = HandoffController.restore(snapshot, { policy: POLICY, clock, inspect });
    const unwatched = HandoffController.restore(snapshot, { policy: POLICY, clock });
    expect(look(watched)).toEqual(look(unwatched));
    expect(watched.actorOf('a').getSnapshot().value).toEqual({ handoff: 'rateLimited', window: 'open' });
    const told = events.flatMap((event) => (event.type === '@xstate.event' ? [event.event.type] : []));
    expect(told).toEqual(expect.arrayContaining(['window.restored', 'backend.adopted']));
    for (const controller of [before, watched, unwatched]) controller.dispose();
  });

  it('get events whose transitions the controller has cached', () => {
    const controller = new HandoffController({ policy: POLICY, clock: new ManualClock() });
    controller.shouldAttempt('a', ENABLED);
    controller.recordAbandonedAttempt('a');
    controller.shouldAttempt('a', ENABLED);
    controller.hold('b');
    const actor = controller.actorOf('b');
    controller.shouldAttempt('b', ENABLED);
    expect(actor.getSnapshot().value.handoff).toBe('attempting');
    controller.dispose();
  });

  it('live for as long as one of two observers stays', () => {
    const controller = new HandoffController({ policy: POLICY, clock: new ManualClock() });
    const events: InspectionEvent[] = [];
    const first = controller.inspect(() => {});
    const second = controller.inspect((event) => events.push(event));
    controller.recordFailedAttempt('a', 'permissionDenied');
    first.unsubscribe();
    events.length = 0;
    controller.recordFailedAttempt('a', 'permissionDenied');
    controller.recordFailedAttempt('c', 'permissionDenied');
    const told = events.flatMap((event) => (event.type === '@xstate.event' ? [event.event.type] : []));
    expect(told.filter((type) => type === 'attempt.failed')).toHaveLength(2);
    expect(events.filter(({ type }) => type === '@xstate.actor')).toHaveLength(1);
    second.unsubscribe();
    events.length = 0;
    controller.recordSuccess('a');
    expect(events).toEqual([]);
    controller.dispose();
  });

  it('end with the last observer, except for those from actorOf', () => {
    const controller = new HandoffController({ policy: POLICY, clock: new ManualClock() });
    const actors = new Map<string, { getSnapshot(): { status: string } }>();
    const observer = controller.inspect(({ type, actorRef }) => {
      if (type === '@xstate.actor') actors.set(String(controller.backendOf(actorRef)), actorRef as never);
    });
    for (const backend of ['asked', 'other']) controller.recordFailedAttempt(backend, 'permissionDenied');
    const asked = controller.actorOf('asked');
    observer.unsubscribe();
    expect(asked.getSnapshot().status).toBe('active');
    expect(actors.get('other')?.getSnapshot().status).toBe('stopped');
    controller.recordFailedAttempt('asked', 'permissionDenied');
    expect(asked.getSnapshot().context.failedAttempts).toBe(2);
    expect(controller.actorOf('asked')).toBe(asked);
    // A new one, which lives.
    expect(controller.actorOf('other').getSnapshot()).toMatchObject({
      status: 'active',
      context: { failedAttempts: 1 },
    });
    // Whoever is forgotten isn't asked for any more.
    controller.forget('asked');
    expect(asked.getSnapshot().status).toBe('stopped');
    controller.dispose();
    expect(controller.backendOf(asked)).toBe('asked');
  });
});

describe('the window that an actor shows', () => {
  it('is open until its end, whatever happens meanwhile, and elapsed from then on', () => {
    fc.assert(
      fc.property(steps, (run) => {
        const clock = new ManualClock();
        const controller = new HandoffController({ policy: POLICY, clock, inspect: () => {} });
        const model = new ReferenceModel(POLICY.maxFailedAttemptsPerWindow, POLICY.failedAttemptWindowMs);
        for (const { call, backend, wait } of run) {
          clock.advance(wait);
          const name = JSON.stringify(backend);
          CALLS[call]?.(controller, backend);
          const at = clock.time;
          if (call === 'request') model.shouldAttempt(name, ENABLED, at);
          else if (call === 'success') model.recordSuccess(name);
          else if (call === 'count') model.failedAttemptCount(name, at);
          else if (call === 'adoptedRequest')
            model.shouldAttempt(name, HandoffAttemptInputs.adoptedBackend(true), at);
          else if (call === 'adopted') model.markAdopted(name);
          else if (call === 'spawned') model.markSpawned(name);
          else if (call === 'rejoined') model.markRejoined(name);
          else if (call === 'forget') model.forget(name);
          else for (const one of HANDOFF_FAILURES) if (one === call) model.recordFailedAttempt(name, one, at);
          for (const held of controller.backends()) {
            const left = model.leftOf(JSON.stringify(held), at);
            const expected = left === undefined ? 'closed' : left > 0 ? 'open' : 'elapsed';
            expect(controller.actorOf(held).getSnapshot().value.window).toBe(expected);
          }
        }
        controller.dispose();
      }),
      { numRuns: 60 },
    );
  });

  it('does not end once a success has removed it', () => {
    const clock = new ManualClock();
    const events: string[] = [];
    const inspect = (event: InspectionEvent): void => {
      if (event.type === '@xstate.event') events.push(event.event.type);
    };
    const controller = new HandoffController({ policy: POLICY, clock, inspect });
    controller.recordFailedAttempt('a', 'permissionDenied');
    controller.recordSuccess('a');
    events.length = 0;
    clock.advance(10_000);
    expect(events).toEqual([]);
    controller.dispose();
  });
});

describe('an observer', () => {
  it.each([
    ['a next that is none', { next: 7 }, 'observer.next must be a function'],
    ['nothing', undefined, 'observer must be'],
  ])('with %s is refused', (_, observer, message) => {
    const controller = new HandoffController({ clock: new ManualClock() });
    expect(() => controller.inspect(observer as never)).toThrow(message);
    const throwing = {
      get next(): never {
        throw new Error('out of order');
      },
    };
    expect(() => controller.inspect(throwing)).toThrow("observer.next can't be read: out of order");
    controller.dispose();
  });

  it('gets the events of an actor\u2019s start as from XState', () => {
    const controller = new HandoffController({ clock: new ManualClock() });
    controller.hold('a');
    const events: InspectionEvent[] = [];
    controller.inspect((event) => events.push(event));
    expect(events).toMatchObject([
      { type: '@xstate.actor' },
      { type: '@xstate.snapshot', event: { type: 'xstate.init' } },
    ]);
    controller.dispose();
  });

  it('cannot change the backend of an actor during the events of its start', () => {
    const errors: unknown[] = [];
    const controller: HandoffController = new HandoffController({
      clock: new ManualClock(),
      inspect: (event) => {
        if (event.type !== '@xstate.actor') return;
        try {
          controller.recordSuccess('a');
        } catch (error) {
          errors.push(error);
        }
      },
    });
    controller.hold('a');
    const message = "a: called by an observer of the backend's own actor";
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_REENTRANT_CALL', message })]);
    controller.dispose();
  });

  it('gets the backend of an actor, whatever the caller does with its key', () => {
    const controller = new HandoffController({ clock: new ManualClock() });
    const key = { instance: 'i', serviceName: 's', serviceVersion: 'v' };
    const actor = controller.actorOf(key);
    const named = controller.actorOf('name');
    const copy = { ...key };
    key.serviceName = 'changed';
    expect(controller.backendOf(actor)).toEqual(copy);
    expect(controller.backendOf(named)).toBe('name');
    controller.dispose();
  });
});

describe('the bound on backends', () => {
  const WEIGHTS = ['nothing', 'counted', 'inFlight', 'adopted'] as const;
  const prepare: Readonly<
    Record<(typeof WEIGHTS)[number], (c: HandoffController, backend: BackendId) => void>
  > = {
    nothing: (c, backend) => c.hold(backend),
    counted: (c, backend) => void c.recordFailedAttempt(backend, 'permissionDenied'),
    inFlight: (c, backend) => void c.shouldAttempt(backend, ENABLED),
    adopted: (c, backend) => c.markAdopted(backend),
  };

  it('evicts the least significant of the 16 oldest, names or keys', () => {
    const kind = fc.record({ weight: fc.constantFrom(...WEIGHTS), isName: fc.boolean() });
    fc.assert(
      fc.property(fc.array(kind, { minLength: 20, maxLength: 40, size: 'max' }), (kinds) => {
        const maxBackends = 20;
        const controller = new HandoffController({ maxBackends, clock: new ManualClock() });
        let held: { id: BackendId; weight: number; isName: boolean }[] = [];
        for (const [index, { weight, isName }] of kinds.entries()) {
          if (held.length === maxBackends) {
            const oldest = held.filter((one) => one.isName === held[0]?.isName).slice(0, 16);
            const least = Math.min(...oldest.map((one) => one.weight));
            const gone = oldest.find((one) => one.weight === least);
            held = held.filter((one) => one !== gone);
          }
          const id = isName ? `${index}` : { instance: '', serviceName: `${index}`, serviceVersion: '' };
          prepare[weight](controller, id);
          held.push({ id, weight: WEIGHTS.indexOf(weight), isName });
          expect([...controller.backends()]).toEqual(held.map((one) => one.id));
        }
        controller.dispose();
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    [15, '15'],
    [16, '0'],
  ])('considers only the 16 oldest: with the least significant at %p, evicts %s', (least, gone) => {
    const controller = new HandoffController({ maxBackends: 20, clock: new ManualClock() });
    for (let name = 0; name < 20; name += 1)
      prepare[name === least ? 'nothing' : 'counted'](controller, `${name}`);
    controller.hold('more');
    const names = Array.from({ length: 20 }, (_, name) => `${name}`);
    expect([...controller.backends()]).toEqual([...names.filter((name) => name !== gone), 'more']);
    controller.dispose();
  });

  it('leaves no timer of an evicted backend', () => {
    const clock = new ManualClock();
    const controller = new HandoffController({ maxBackends: 1, clock });
    controller.recordFailedAttempt('a', 'permissionDenied');
    const actor = controller.actorOf('a');
    controller.hold('b');
    expect(actor.getSnapshot().status).toBe('stopped');
    expect(clock.pending).toEqual([]);
    controller.dispose();
  });
});

describe('reading a backend', () => {
  const looks: Readonly<
    Record<string, (controller: HandoffController, backend: BackendId, now?: number) => unknown>
  > = {
    stateOf: (controller, backend, now) => controller.stateOf(backend, now),
    windowOf: (controller, backend, now) => controller.windowOf(backend, now),
    explain: (controller, backend, now) => controller.explain(backend, ENABLED, now),
    failedAttemptCount: (controller, backend, now) => controller.failedAttemptCount(backend, now),
  };

  it.each(Object.entries(looks))(
    '%s is refused for what is no backend or no time, and after the end',
    (_, call) => {
      const controller = new HandoffController({ clock: new ManualClock() });
      const code = (expected: string) => expect.objectContaining({ code: expected });
      for (const known of [false, true]) {
        if (known) controller.hold('a');
        expect(() => call(controller, '')).toThrow(code('ERR_OUT_OF_RANGE'));
        expect(() => call(controller, 7 as unknown as string)).toThrow(code('ERR_INVALID_ARG_TYPE'));
        for (const now of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
          expect(() => call(controller, 'a', now)).toThrow(code('ERR_OUT_OF_RANGE'));
        }
        expect(() => call(controller, 'a', null as unknown as number)).toThrow(code('ERR_INVALID_ARG_TYPE'));
      }
      controller.dispose();
      expect(() => call(controller, 'a')).toThrow(code('ERR_DISPOSED'));
    },
  );

  it('is refused if the clock gives no time', () => {
    const clock = Object.assign(new ManualClock(), { now: (): number => 0 });
    const controller = new HandoffController({ clock });
    controller.recordFailedAttempt('a', 'permissionDenied');
    clock.now = () => Number.NaN;
    expect(() => controller.stateOf('a')).toThrow('now');
    controller.dispose();
  });
});
