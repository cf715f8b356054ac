import fc from 'fast-check';
import { type BackendId, HandoffController } from '../../src';

function countsOf(backends: readonly BackendId[]): number[] {
  const controller = new HandoffController({ policy: { maxFailedAttemptsPerWindow: 1_000 } });
  for (const [index, backend] of backends.entries()) {
    for (let n = 0; n <= index; n++) controller.recordFailedAttempt(backend, 'permissionDenied', 1);
  }
  const counts = backends.map((backend) => controller.failedAttemptCount(backend, 1));
  controller.dispose();
  return counts;
}

const key = (instance: string, serviceName: string, serviceVersion: string, replica?: number) => ({
  instance,
  serviceName,
  serviceVersion,
  ...(replica === undefined ? {} : { replica }),
});

describe('backends are told apart', () => {
  it('however their fields could be joined', () => {
    const backends: BackendId[] = [
      key('a', 'b/c', 'd'),
      key('a/b', 'c', 'd'),
      key('a', 'b', 'c/d'),
      key('a/b/c', 'd', ''),
      key('', 'a/b/c', 'd'),
      key('', '', ''),
      key('', '', '0,0'),
      key('', '0,0', ''),
      key('1,1', '', 'a'),
      key('a\0b', 'c', 'd'),
      key('a', '\0b\0c', 'd'),
      key('["a"', '"b"', '"c"]'),
      key('__proto__', 'constructor', 'toString'),
      key('🦊', '👩‍👩‍👧', '1.0.0'),
      key('\ud83e', '\udd8a', '1.0.0'),
      key('x'.repeat(10_000), 'y'.repeat(10_000), 'z'.repeat(10_000)),
      key('x'.repeat(10_001), 'y'.repeat(9_999), 'z'.repeat(10_000)),
      key('a', 'b/c', 'd', 2),
      key('a', 'b/c', 'd', 3),
      key('a', 'b/c', 'd', 23),
      key('', '', '', 2),
      key('', '2#', '', 2),
      key('2#', '', ''),
      key('', '', '#2'),
      key('', '', '2', Number.MAX_SAFE_INTEGER),
      '__proto__',
      'constructor',
      'a/b/c/d',
      '2#0,0,',
      'k1,3ab/cd',
      'sk',
      'k',
      JSON.stringify(key('a', 'b/c', 'd')),
      '🦊'.repeat(5_000),
    ];
    expect(countsOf(backends)).toEqual(backends.map((_, index) => index + 1));
  });

  it('by a property over all strings', () => {
    const field = fc.string({
      unit: fc.constantFrom('a', '1', '2', ',', '/', ':', '#', 'k', 's', '🦊'),
      maxLength: 4,
    });
    const backend = fc.oneof(
      fc.record(
        {
          instance: field,
          serviceName: field,
          serviceVersion: field,
          replica: fc.integer({ min: 2, max: 12 }),
        },
        { requiredKeys: ['instance', 'serviceName', 'serviceVersion'] },
      ),
      field.filter((text) => text !== ''),
    );
    fc.assert(
      fc.property(backend, backend, (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b);
        expect(countsOf([a, b])).toEqual(same ? [3, 3] : [1, 2]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('and a later change of a key by the caller has no effect', () => {
    const controller = new HandoffController();
    const mutable = { ...key('shared', 'svc', '1.0.0') };
    controller.recordFailedAttempt(mutable, 'permissionDenied', 1);
    mutable.serviceName = 'other';
    expect([...controller.backends()]).toEqual([key('shared', 'svc', '1.0.0')]);
    expect(controller.failedAttemptCount(key('shared', 'svc', '1.0.0'), 2)).toBe(1);
    controller.dispose();
  });

  it('the first replica is the one without a number', () => {
    const controller = new HandoffController();
    const first = key('shared', 'svc', '1.0.0');
    controller.recordFailedAttempt({ ...first, replica: undefined }, 'permissionDenied', 1);
    controller.recordFailedAttempt({ ...first, replica: 2 }, 'permissionDenied', 1);
    expect(controller.failedAttemptCount(first, 1)).toBe(1);
    expect([...controller.backends()]).toEqual([first, { ...first, replica: 2 }]);
    expect(controller.actorOf({ ...first, replica: 2 }).id).toBe('svc@1.0.0#2');
    expect(controller.actorOf(first).id).toBe('svc@1.0.0');

    const snapshot = JSON.parse(JSON.stringify(controller.getPersistedSnapshot(1)));
    const restored = HandoffController.restore(snapshot);
    expect([...restored.backends()]).toEqual([first, { ...first, replica: 2 }]);
    restored.dispose();
    controller.dispose();
  });

  it.each([0, 1, -1, 2.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('%p is no replica', (replica) => {
    const controller = new HandoffController();
    expect(() => controller.stateOf({ ...key('shared', 'svc', '1.0.0'), replica })).toThrow(
      expect.objectContaining({
        name: 'RangeError',
        message: `backend.replica must be an integer from 2, or left out for the first replica, but is ${replica}`,
      }),
    );
    expect([...controller.backends()]).toEqual([]);
    controller.dispose();
  });

  it.each(['2', null, true, {}])('%p is no replica either', (replica) => {
    const controller = new HandoffController();
    const given = { ...key('shared', 'svc', '1.0.0'), replica } as unknown as BackendId;
    expect(() => controller.recordSuccess(given)).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        message: expect.stringMatching(/^backend\.replica must be an integer from 2, .*, but is /),
      }),
    );
    controller.dispose();
  });
});
