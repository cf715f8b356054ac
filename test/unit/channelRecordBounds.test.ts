import {
  AnswerReader,
  type ChannelRequest,
  encodeAnswer,
  encodeRequest,
  RequestReader,
} from '../../src/protocol/channelRecord';

const TOKEN = '01'.repeat(16);
const ID = '23'.repeat(16);
const TRACE = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const MAX_REQUEST_BYTES = 128 * 1024;
/** Of a handoff without a trace: its type, token, id, stamp, and the length of the trace. */
const FIXED_BYTES = 1 + 16 + 16 + 8 + 1;

function handoff(earlyBytes: number, traceparent?: string): ChannelRequest {
  return {
    handoffController: 1,
    type: 'handoff',
    token: TOKEN,
    id: ID,
    stamp: 1.5,
    earlyData: Buffer.alloc(earlyBytes, 'e'),
    traceparent,
  };
}

function read(bytes: Uint8Array): ChannelRequest | undefined {
  const reader = new RequestReader();
  reader.push(Buffer.from(bytes));
  return reader.next();
}

/** A handoff's record of which bytes are changed. */
function changed(at: number, bytes: Uint8Array, traceparent?: string): Buffer {
  const record = Buffer.concat(encodeRequest(handoff(4, traceparent)));
  record.set(bytes, at);
  return record;
}

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes;
}

describe('the bytes of a record of the channel', () => {
  it('are those of the protocol', () => {
    const length = FIXED_BYTES + TRACE.length + 2;
    expect(Buffer.concat(encodeRequest(handoff(2, TRACE))).toString('latin1')).toBe(
      Buffer.concat([
        Buffer.from([0, 0, 0, length, 1]),
        Buffer.from(TOKEN + ID, 'hex'),
        double(1.5),
        Buffer.from([TRACE.length]),
        Buffer.from(`${TRACE}ee`),
      ]).toString('latin1'),
    );
    const sync = encodeRequest({ handoffController: 1, type: 'sync', token: TOKEN });
    expect(sync).toEqual([Buffer.concat([Buffer.from([0, 0, 0, 17, 2]), Buffer.from(TOKEN, 'hex')])]);
    const token = Buffer.from(TOKEN, 'hex');
    const base = { handoffController: 1, token: TOKEN } as const;
    const drain = { handoffController: 1, type: 'drain' } as const;
    for (const [timeoutMs, bytes] of [
      [undefined, [255, 255, 255, 255]],
      [0, [0, 0, 0, 0]],
      [258.9, [0, 0, 1, 2]],
      [1e12, [255, 255, 255, 254]],
    ] as const) {
      expect(encodeRequest({ ...drain, timeoutMs })).toEqual([Buffer.from([0, 0, 0, 5, 3, ...bytes])]);
    }
    expect(encodeAnswer(undefined, 258)).toEqual(Buffer.from([...Buffer.alloc(18), 0, 0, 1, 2]));
    expect(encodeAnswer({ ...base, type: 'ack' }, 1)).toEqual(
      Buffer.concat([Buffer.from([1]), token, Buffer.from([0, 0, 0, 0, 1])]),
    );
    expect(encodeAnswer({ ...base, type: 'synced' }, 0)).toEqual(
      Buffer.concat([Buffer.from([3]), token, Buffer.alloc(5)]),
    );
    expect(encodeAnswer({ ...base, type: 'refuse', code: 'busy' }, 0)[0]).toBe(2);
  });

  it('are joined up to 2,048 bytes of early data, and not copied beyond', () => {
    expect(encodeRequest(handoff(2_048))).toHaveLength(1);
    const large = handoff(2_049);
    const pieces = encodeRequest(large);
    expect(pieces).toHaveLength(2);
    expect(pieces[1]).toBe(large.type === 'handoff' && large.earlyData);
    expect(read(Buffer.concat(pieces))).toEqual(large);
  });

  it('are 128 KiB at the most', () => {
    const longest = handoff(MAX_REQUEST_BYTES - FIXED_BYTES);
    expect(read(Buffer.concat(encodeRequest(longest)))).toEqual(longest);
    const longer = Buffer.concat(encodeRequest(handoff(MAX_REQUEST_BYTES - FIXED_BYTES + 1)));
    expect(() => read(longer)).toThrow(`not a request of a broker: length ${MAX_REQUEST_BYTES + 1}`);
  });

  it('have no length before there are four of them', () => {
    const reader = new RequestReader();
    for (const byte of [255, 255, 255]) {
      reader.push(Buffer.from([byte]));
      expect(reader.next()).toBeUndefined();
    }
    reader.push(Buffer.from([255]));
    expect(() => reader.next()).toThrow('length 4294967295');
  });

  it('may end right after the required fields of a handoff', () => {
    const shortest = handoff(0);
    expect(read(Buffer.concat(encodeRequest(shortest)))).toEqual(shortest);
  });

  it('are unreadable where the trace is longer than the record', () => {
    expect(() => read(changed(4 + FIXED_BYTES - 1, Buffer.from([5])))).toThrow('handoff of 45 bytes');
    expect(read(changed(4 + FIXED_BYTES - 1, Buffer.from([4])))).toMatchObject({ traceparent: undefined });
  });

  it('are unreadable with a stamp that is no time', () => {
    const at = 5 + 32;
    for (const stamp of [-1, Number.NaN]) {
      expect(() => read(changed(at, double(stamp)))).toThrow(`not a request of a broker: stamp ${stamp}`);
    }
    expect(read(changed(at, double(0)))).toMatchObject({ stamp: 0 });
  });

  it('leave out a trace that is none', () => {
    const early = read(changed(4 + FIXED_BYTES, Buffer.from('X'), TRACE));
    expect(early).toMatchObject({ traceparent: undefined, earlyData: Buffer.from('eeee') });
  });

  it('are read without a copy if they arrived in one chunk, and copied otherwise', () => {
    const record = Buffer.concat(encodeRequest(handoff(10_000)));
    // Larger than what Node takes from a pool.
    const chunk = Buffer.concat([record, record, record]);
    const reader = new RequestReader();
    const messages: (ChannelRequest | undefined)[] = [];
    for (const piece of [chunk.subarray(0, record.length + 7), chunk.subarray(record.length + 7)]) {
      reader.push(piece);
      for (let next = reader.next(); next !== undefined; next = reader.next()) messages.push(next);
    }
    expect(messages).toEqual([handoff(10_000), handoff(10_000), handoff(10_000)]);
    const sources = messages.map((message) => message?.type === 'handoff' && message.earlyData.buffer);
    expect(sources[0]).toBe(chunk.buffer);
    expect(sources[1]).not.toBe(chunk.buffer);
    expect(sources[2]).toBe(chunk.buffer);
  });

  it('of an answer have a code that matters only for a refusal', () => {
    const reader = new AnswerReader();
    const token = Buffer.from(TOKEN, 'hex');
    reader.push(Buffer.concat([Buffer.from([1]), token, Buffer.from([200, 0, 0, 0, 0])]));
    expect(reader.next()).toEqual({ handoffController: 1, type: 'ack', token: TOKEN });
    reader.push(Buffer.concat([Buffer.from([2]), token, Buffer.from([200, 0, 0, 0, 0])]));
    expect(reader.next()).toBe('malformed');
  });
});
