import { TRANSFER_REFUSALS } from '../../machines';
import type { BackendMessage, BrokerMessage, DrainMessage, HandoffMessage } from './ipcMessage';
import { isTraceparent } from './traceparent';
import { PROTOCOL_VERSION } from './wireLimits';

// The binary messages of the channel; docs/protocol.md has the layout.

/** What the broker sends over the channel. */
export type ChannelRequest = BrokerMessage;

/** What a backend answers over the channel. */
export type ChannelAnswer = BackendMessage;

const TOKEN_BYTES = 16;
const ID_BYTES = 16;
const REQUEST_HEADER_BYTES = 5;
const HANDOFF_FIXED_BYTES = TOKEN_BYTES + ID_BYTES + 8 + 1;
// Node reads at most 64 KiB at a time, so early data is never longer.
const MAX_REQUEST_BYTES = 128 * 1024;
// Up to this size, copying is cheaper than one more buffer to write.
const MAX_COPIED_BYTES = 2048;
const HANDOFF = 1;
const SYNC = 2;
const DRAIN = 3;
const DRAIN_BYTES = 4;
const NO_TIMEOUT = 0xffff_ffff;

const CODE_AT = 1 + TOKEN_BYTES;
const OPEN_AT = CODE_AT + 1;
const ANSWER_BYTES = OPEN_AT + 4;
const ANSWER_TYPES = ['report', 'ack', 'refuse', 'synced'] as const;

/** Encodes a request. */
export function encodeRequest(message: ChannelRequest): readonly Uint8Array[] {
  if (message.type === 'sync') return [encodeSync(message.token)];
  if (message.type === 'drain') return [encodeDrain(message)];
  const { earlyData } = message;
  const header = encodeHandoff(message, message.traceparent ?? '');
  return earlyData.byteLength > MAX_COPIED_BYTES ? [header, earlyData] : [Buffer.concat([header, earlyData])];
}

function encodeSync(token: string): Buffer {
  const bytes = Buffer.allocUnsafe(REQUEST_HEADER_BYTES + TOKEN_BYTES);
  bytes.writeUInt32BE(1 + TOKEN_BYTES, 0);
  bytes[4] = SYNC;
  bytes.write(token, REQUEST_HEADER_BYTES, 'hex');
  return bytes;
}

function encodeDrain({ timeoutMs }: DrainMessage): Buffer {
  const bytes = Buffer.allocUnsafe(REQUEST_HEADER_BYTES + DRAIN_BYTES);
  bytes.writeUInt32BE(1 + DRAIN_BYTES, 0);
  bytes[4] = DRAIN;
  const timeout = timeoutMs === undefined ? NO_TIMEOUT : Math.min(Math.floor(timeoutMs), NO_TIMEOUT - 1);
  bytes.writeUInt32BE(timeout, REQUEST_HEADER_BYTES);
  return bytes;
}

function encodeHandoff({ token, id, stamp, earlyData }: HandoffMessage, traceparent: string): Buffer {
  const size = HANDOFF_FIXED_BYTES + traceparent.length;
  const bytes = Buffer.allocUnsafe(REQUEST_HEADER_BYTES + size);
  bytes.writeUInt32BE(1 + size + earlyData.byteLength, 0);
  bytes[4] = HANDOFF;
  let at = REQUEST_HEADER_BYTES;
  at += bytes.write(token, at, 'hex');
  at += bytes.write(id, at, 'hex');
  at = bytes.writeDoubleBE(stamp, at);
  at = bytes.writeUInt8(traceparent.length, at);
  bytes.write(traceparent, at, 'latin1');
  return bytes;
}

/**
 * Encodes an answer, or a mere report.
 *
 * @param openConnections how many connections the backend has open.
 */
export function encodeAnswer(answer: ChannelAnswer | undefined, openConnections: number): Buffer {
  const bytes = Buffer.alloc(ANSWER_BYTES);
  if (answer !== undefined) {
    bytes[0] = ANSWER_TYPES.indexOf(answer.type);
    bytes.write(answer.token, 1, 'hex');
    bytes[CODE_AT] = answer.type === 'refuse' ? TRANSFER_REFUSALS.indexOf(answer.code) : 0;
  }
  bytes.writeUInt32BE(openConnections, OPEN_AT);
  return bytes;
}

/** Parses records from a stream. */
abstract class RecordReader<Message> {
  // Collects a record that arrives in pieces.
  #joined: Buffer | undefined;
  #bytes: Buffer = Buffer.alloc(0);

  /** Adds received bytes, which the caller must not change. Call it only after `next` returned undefined. */
  push(chunk: Buffer): void {
    const size = this.sizeOf(this.#bytes);
    if (this.#bytes.length === 0) {
      this.#bytes = chunk;
    } else if (size === undefined || size > this.#bytes.length + chunk.length) {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
    } else {
      // Only this record's part: most of the chunk may belong to complete records.
      const rest = size - this.#bytes.length;
      this.#joined = Buffer.concat([this.#bytes, chunk.subarray(0, rest)]);
      this.#bytes = chunk.subarray(rest);
    }
  }

  /**
   * The next message, or undefined while it's incomplete.
   *
   * @throws {RangeError} if the rest of the stream can't be parsed.
   */
  next(): Message | undefined {
    if (this.#joined !== undefined) {
      const record = this.#joined;
      this.#joined = undefined;
      return this.decode(record);
    }
    const size = this.sizeOf(this.#bytes);
    if (size === undefined || this.#bytes.length < size) return undefined;
    const record = this.#bytes.subarray(0, size);
    this.#bytes = this.#bytes.subarray(size);
    return this.decode(record);
  }

  /** Length in bytes of the record that begins here; undefined while unknown. */
  protected abstract sizeOf(bytes: Buffer): number | undefined;
  protected abstract decode(record: Buffer): Message;
}

/** Decodes a record that a backend received. */
export class RequestReader extends RecordReader<ChannelRequest> {
  protected override sizeOf(bytes: Buffer): number | undefined {
    if (bytes.length < 4) return undefined;
    const length = bytes.readUInt32BE(0);
    if (length < 1 + DRAIN_BYTES || length > MAX_REQUEST_BYTES) throw unreadable(`length ${length}`);
    return 4 + length;
  }

  protected override decode(record: Buffer): ChannelRequest {
    const payload = record.subarray(REQUEST_HEADER_BYTES);
    const handoffController = PROTOCOL_VERSION;
    if (record[4] === DRAIN) {
      const timeoutMs = payload.readUInt32BE(0);
      return { handoffController, type: 'drain', ...(timeoutMs < NO_TIMEOUT && { timeoutMs }) };
    }
    if (payload.length < TOKEN_BYTES) throw unreadable(`${record.length} bytes of type ${record[4]}`);
    const token = payload.toString('hex', 0, TOKEN_BYTES);
    if (record[4] === SYNC) return { handoffController, type: 'sync', token };
    if (record[4] !== HANDOFF) throw unreadable(`type ${record[4]}`);
    const earlyDataAt = HANDOFF_FIXED_BYTES + (payload[HANDOFF_FIXED_BYTES - 1] ?? MAX_REQUEST_BYTES);
    if (payload.length < earlyDataAt) throw unreadable(`handoff of ${payload.length} bytes`);
    const stamp = payload.readDoubleBE(TOKEN_BYTES + ID_BYTES);
    if (!(stamp >= 0)) throw unreadable(`stamp ${stamp}`);
    const traceparent = payload.toString('latin1', HANDOFF_FIXED_BYTES, earlyDataAt);
    return {
      handoffController,
      type: 'handoff',
      token,
      id: payload.toString('hex', TOKEN_BYTES, TOKEN_BYTES + ID_BYTES),
      stamp,
      earlyData: payload.subarray(earlyDataAt),
      traceparent: isTraceparent(traceparent) ? traceparent : undefined,
    };
  }
}

/** Decodes a record that the broker received; `malformed` if it's invalid. */
export class AnswerReader extends RecordReader<ChannelAnswer | 'report' | 'malformed'> {
  #openConnections = 0;

  /** How many connections the backend had open when it wrote the last record. */
  get openConnections(): number {
    return this.#openConnections;
  }

  protected override sizeOf(): number {
    return ANSWER_BYTES;
  }

  protected override decode(record: Buffer): ChannelAnswer | 'report' | 'malformed' {
    const answer = decodeAnswer(record);
    if (answer !== 'malformed') this.#openConnections = record.readUInt32BE(OPEN_AT);
    return answer;
  }
}

function decodeAnswer(record: Buffer): ChannelAnswer | 'report' | 'malformed' {
  const type = ANSWER_TYPES[record.readUInt8(0)];
  if (type === 'report') return type;
  const token = record.toString('hex', 1, CODE_AT);
  const handoffController = PROTOCOL_VERSION;
  if (type === 'ack' || type === 'synced') return { handoffController, type, token };
  const code = TRANSFER_REFUSALS[record.readUInt8(CODE_AT)];
  return type === undefined || code === undefined ? 'malformed' : { handoffController, type, token, code };
}

function unreadable(what: string): RangeError {
  return new RangeError(`not a request of a broker: ${what}`);
}
