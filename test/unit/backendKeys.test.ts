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

const key = (instance: string, serviceName: string, serviceVersion: string) => ({
  instance,
  serviceName,
  serviceVersion,
});

describe('backends are told apart', () => {
  it('however their fields might be joined', () => {
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
      '__proto__',
      'constructor',
      'a/b/c/d',
      'k1,3ab/cd',
      'sk',
      'k',
      JSON.stringify(key('a', 'b/c', 'd')),
      '🦊'.repeat(5_000),
    ];
    expect(countsOf(backends)).toEqual(backends.map((_, index) => index + 1));
  });

  it('by a property over all strings', () => {
    const field = fc.string({ unit: fc.constantFrom('a', '1', ',', '/', ':', 'k', 's', '🦊'), maxLength: 4 });
    const backend = fc.oneof(
      fc.record({ instance: field, serviceName: field, serviceVersion: field }),
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

  it('and a key that the caller changes afterwards changes nothing', () => {
    const controller = new HandoffController();
    const mutable = { ...key('shared', 'svc', '1.0.0') };
    controller.recordFailedAttempt(mutable, 'permissionDenied', 1);
    mutable.serviceName = 'other';
    expect([...controller.backends()]).toEqual([key('shared', 'svc', '1.0.0')]);
    expect(controller.failedAttemptCount(key('shared', 'svc', '1.0.0'), 2)).toBe(1);
    controller.dispose();
  });
});
