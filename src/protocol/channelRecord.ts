import { TRANSFER_REFUSALS } from '../../machines';
import type { BackendMessage, HandoffMessage, SyncMessage } from './ipcMessage';
import { isTraceparent } from './traceparent';
import { PROTOCOL_VERSION } from './wireLimits';

// The binary messages of the channel for handles; docs/protocol.md has the layout.

/** What the broker sends over the channel. */
export type ChannelRequest = HandoffMessage | SyncMessage;

/** What a backend sends over the channel. */
export type ChannelAnswer = Extract<BackendMessage, { type: 'ack' | 'refuse' | 'synced' }>;

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

const ANSWER_BYTES = 1 + TOKEN_BYTES + 1;
const ANSWER_TYPES = ['opened', 'ack', 'refuse', 'synced'] as const;
const OPENED = Buffer.alloc(ANSWER_BYTES);

/** Encodes a request. */
export function encodeRequest(message: ChannelRequest): readonly Uint8Array[] {
  if (message.type === 'sync') return [encodeSync(message.token)];
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

/** The bytes of an answer; of `opened`, if there is none: the backend listens at its end of the channel. */
export function encodeAnswer(answer?: ChannelAnswer): Buffer {
  if (answer === undefined) return OPENED;
  const bytes = Buffer.allocUnsafe(ANSWER_BYTES);
  bytes[0] = ANSWER_TYPES.indexOf(answer.type);
  bytes.write(answer.token, 1, 'hex');
  bytes[ANSWER_BYTES - 1] = answer.type === 'refuse' ? TRANSFER_REFUSALS.indexOf(answer.code) : 0;
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
    if (length < 1 + TOKEN_BYTES || length > MAX_REQUEST_BYTES) throw unreadable(`length ${length}`);
    return 4 + length;
  }

  protected override decode(record: Buffer): ChannelRequest {
    const payload = record.subarray(REQUEST_HEADER_BYTES);
    const token = payload.toString('hex', 0, TOKEN_BYTES);
    const handoffController = PROTOCOL_VERSION;
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
export class AnswerReader extends RecordReader<ChannelAnswer | 'opened' | 'malformed'> {
  protected override sizeOf(): number {
    return ANSWER_BYTES;
  }

  protected override decode(record: Buffer): ChannelAnswer | 'opened' | 'malformed' {
    const type = ANSWER_TYPES[record.readUInt8(0)];
    const token = record.toString('hex', 1, 1 + TOKEN_BYTES);
    const handoffController = PROTOCOL_VERSION;
    if (type === 'opened') return 'opened';
    if (type === 'ack' || type === 'synced') return { handoffController, type, token };
    const code = TRANSFER_REFUSALS[record.readUInt8(ANSWER_BYTES - 1)];
    return type === undefined || code === undefined ? 'malformed' : { handoffController, type, token, code };
  }
}

function unreadable(what: string): RangeError {
  return new RangeError(`not a request of a broker: ${what}`);
}
