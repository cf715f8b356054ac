import fc from 'fast-check';
import { TRANSFER_REFUSALS } from '../../machines';
import {
  AnswerReader,
  type ChannelAnswer,
  type ChannelRequest,
  encodeAnswer,
  encodeRequest,
  RequestReader,
} from '../../src/protocol/channelRecord';
import { PROTOCOL_VERSION } from '../../src/protocol/wireLimits';

const handoffController = fc.constant(PROTOCOL_VERSION);
const hex = fc.stringMatching(/^[0-9a-f]{32}$/);
const traceparent = fc.constantFrom(undefined, `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`);

const requests: fc.Arbitrary<ChannelRequest> = fc.oneof(
  fc.record({ handoffController, type: fc.constant('sync' as const), token: hex }),
  fc.record({ handoffController, type: fc.constant('drain' as const) }),
  fc.record({ handoffController, type: fc.constant('drain' as const), timeoutMs: fc.nat() }),
  fc.record({
    handoffController,
    type: fc.constant('handoff' as const),
    token: hex,
    id: hex,
    stamp: fc.double({ min: 0, max: 1e15, noNaN: true }).map((value) => value + 0),
    earlyData: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
    traceparent,
  }),
);

const answers: fc.Arbitrary<ChannelAnswer> = fc.oneof(
  fc.record({ handoffController, type: fc.constantFrom('ack' as const, 'synced' as const), token: hex }),
  fc.record({
    handoffController,
    type: fc.constant('refuse' as const),
    token: hex,
    code: fc.constantFrom(...TRANSFER_REFUSALS),
  }),
);

/** What a reader makes of bytes that come in pieces of these lengths, over and over. */
function readPieces<T>(
  reader: { push(chunk: Buffer): void; next(): T | undefined },
  bytes: Buffer,
  pieces: readonly number[],
): T[] {
  const read: T[] = [];
  for (let at = 0, piece = 0; at < bytes.length; piece += 1) {
    const length = pieces[piece % pieces.length] ?? 1;
    reader.push(bytes.subarray(at, at + length));
    at += length;
    for (let next = reader.next(); next !== undefined; next = reader.next()) read.push(next);
  }
  return read;
}

const pieces = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 5 });

describe('the records of the channel for handles', () => {
  it('are read as they were written, however they are split', () => {
    fc.assert(
      fc.property(fc.array(requests, { maxLength: 5 }), pieces, (written, lengths) => {
        const bytes = Buffer.concat(written.flatMap(encodeRequest));
        expect(readPieces(new RequestReader(), bytes, lengths)).toEqual(written);
      }),
    );
    fc.assert(
      fc.property(fc.array(answers, { maxLength: 5 }), pieces, (written, lengths) => {
        const reports = [undefined, ...written].map((answer, open) => encodeAnswer(answer, 70_000 + open));
        const reader = new AnswerReader();
        expect(readPieces(reader, Buffer.concat(reports), lengths)).toEqual(['report', ...written]);
        expect(reader.openConnections).toBe(70_000 + written.length);
      }),
    );
  });

  it('are requests or end the channel, whatever the input', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), pieces, (bytes, lengths) => {
        try {
          for (const request of readPieces(new RequestReader(), Buffer.from(bytes), lengths)) {
            if (request.type !== 'drain') expect(request.token).toMatch(/^[0-9a-f]{32}$/);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });

  it.each([
    ['is too long', Buffer.from([0xff, 0xff, 0xff, 0xff]), 'length 4294967295'],
    ['is too short for anything', Buffer.from([0, 0, 0, 4]), 'length 4'],
    ['is too short for its token', Buffer.from([0, 0, 0, 16, 2, ...Buffer.alloc(15)]), '20 bytes of type 2'],
    ['has a type that there is none of', Buffer.from([0, 0, 0, 17, 9, ...Buffer.alloc(16)]), 'type 9'],
    ['has less than a handoff', Buffer.from([0, 0, 0, 17, 1, ...Buffer.alloc(16)]), 'handoff of 16 bytes'],
  ])('end the channel where one %s', (_, bytes, message) => {
    const reader = new RequestReader();
    reader.push(bytes);
    expect(() => reader.next()).toThrow(new RangeError(`not a request of a broker: ${message}`));
  });

  it('are malformed if an answer has an unknown type or code', () => {
    const reader = new AnswerReader();
    reader.push(Buffer.from([4, ...Buffer.alloc(17), 0, 0, 0, 7]));
    reader.push(Buffer.from([2, ...Buffer.alloc(16), TRANSFER_REFUSALS.length, 0, 0, 0, 7]));
    expect([reader.next(), reader.next(), reader.next()]).toEqual(['malformed', 'malformed', undefined]);
    // What such a one says beside is worth nothing.
    expect(reader.openConnections).toBe(0);
  });
});
