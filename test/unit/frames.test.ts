import fc from 'fast-check';
import { encodeFrame } from '../../src/protocol/encodeFrame';
import { FrameReader } from '../../src/protocol/FrameReader';
import type { Frame } from '../../src/protocol/frame';
import { WireError } from '../../src/protocol/WireError';

const id = fc.stringMatching(/^[0-9a-f]{32}$/);
const milliseconds = fc.double({ min: 0, max: 1e12, noNaN: true }).map((value) => value + 0);
// Of at most 101 bytes, whatever the characters.
const endpoint = fc.string({ maxLength: 25, unit: 'binary' }).map((name) => `/${name.replaceAll('\0', '')}`);

const frames: fc.Arbitrary<Frame> = fc.oneof(
  fc.record(
    {
      type: fc.constant('hello' as const),
      id,
      service: fc.string({ minLength: 1, maxLength: 256 }),
      version: fc.string({ minLength: 1, maxLength: 128 }),
      handoff: fc.boolean(),
      knows: fc.record({ backend: id, stamp: milliseconds }),
    },
    { requiredKeys: ['type', 'id', 'service', 'version', 'handoff'] },
  ),
  fc.record(
    {
      type: fc.constant('handoff' as const),
      backend: id,
      endpoint,
      stamp: milliseconds,
      deadlineMs: fc.integer({ min: 1, max: 60_000 }),
      knows: fc.constant(true),
    },
    { requiredKeys: ['type', 'backend', 'endpoint', 'stamp', 'deadlineMs'] },
  ),
  fc.record(
    {
      type: fc.constant('reconnect' as const),
      reason: fc.constantFrom('transferLimit', 'failedAttemptRateLimited', 'adoptedBackend'),
      retryAfterMs: milliseconds,
      backend: id,
      endpoint,
      stamp: milliseconds,
    },
    { requiredKeys: ['type', 'reason', 'backend', 'endpoint', 'stamp'] },
  ),
  fc.record({
    type: fc.constant('error' as const),
    code: fc.string({ minLength: 1, maxLength: 64 }),
    message: fc.string({ maxLength: 512 }),
    retryable: fc.boolean(),
  }),
  fc.record({ type: fc.constant('attach' as const), id, backend: id, stamp: milliseconds }),
  fc.constantFrom<Frame>({ type: 'ready' }, { type: 'claimed' }, { type: 'probe' }),
);

function split(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) break;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  chunks.push(bytes.subarray(at));
  return chunks;
}

describe('frames', () => {
  it('survive encoding and decoding, however the bytes are split, and leave the following bytes untouched', () => {
    fc.assert(
      fc.property(
        fc.array(frames, { minLength: 1, maxLength: 4 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 }),
        (sent, behind, sizes) => {
          const reader = new FrameReader();
          const received: Frame[] = [];
          for (const chunk of split(Buffer.concat([...sent.map(encodeFrame), behind]), sizes)) {
            reader.push(chunk);
            while (received.length < sent.length) {
              const frame = reader.next();
              if (frame === undefined) break;
              received.push(frame);
            }
          }
          expect(received).toEqual(sent);
          expect(reader.takeRest().equals(Buffer.from(behind))).toBe(true);
          expect(reader.takeRest()).toHaveLength(0);
        },
      ),
    );
  });

  it('that are invalid are refused with a WireError only', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 100 }),
          fc.tuple(frames, fc.nat(60), fc.nat(255)).map(([frame, at, value]) => {
            const bytes = encodeFrame(frame);
            bytes[at % bytes.length] = value;
            return bytes;
          }),
        ),
        (bytes) => {
          const reader = new FrameReader();
          reader.push(Buffer.from(bytes));
          try {
            while (reader.next() !== undefined);
          } catch (error) {
            expect(error).toBeInstanceOf(WireError);
          }
        },
      ),
    );
  });

  it('are refused as soon as their header shows that they are wrong', () => {
    for (const [header, code] of [
      [[0, 0, 0, 1], 'badFrame'],
      [[0, 0, 16, 3], 'badFrame'],
      [[255, 255, 255, 255], 'badFrame'],
      [[0, 0, 0, 2, 2], 'unsupportedVersion'],
      [[0, 0, 0, 2, 1, 0], 'badFrame'],
    ] as const) {
      const reader = new FrameReader();
      reader.push(Buffer.from(header));
      expect(() => reader.next()).toThrow(expect.objectContaining({ code }));
    }
  });

  it('over the size limit are not written', () => {
    const frame: Frame = { type: 'error', code: 'x', message: 'y'.repeat(4096), retryable: false };
    expect(() => encodeFrame(frame)).toThrow(WireError);
  });

  it('omit fields that a later version may add', () => {
    const reader = new FrameReader();
    const later = {
      type: 'attach',
      id: 'a'.repeat(32),
      backend: 'b'.repeat(32),
      stamp: 1,
      more: true,
    } as const;
    reader.push(encodeFrame(later));
    expect(reader.next()).toEqual({ type: 'attach', id: 'a'.repeat(32), backend: 'b'.repeat(32), stamp: 1 });
  });

  it.each(['x.sock', '../x.sock', '', '/x\0y', `/${'x'.repeat(200)}`])(
    'with the endpoint %j are refused',
    (path) => {
      const target = { backend: 'b'.repeat(32), endpoint: path, stamp: 1 };
      for (const frame of [
        { type: 'handoff', ...target, deadlineMs: 1 },
        { type: 'reconnect', ...target, reason: 'transferLimit' },
      ] as const) {
        const reader = new FrameReader();
        reader.push(encodeFrame(frame));
        expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'badFrame' }));
      }
    },
  );
});
