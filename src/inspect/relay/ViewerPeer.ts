import { WebSocket } from 'ws';
import type { RelayMessage, WelcomeMessage } from '../messages/InspectionMessage';
import { Batch } from './Batch';

/** Unsent bytes at which a viewer is behind. The current state may exceed it. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;

/** Unsent bytes at which the rest of the current state is omitted. Unbatched viewers get many definitions and may reach it. */
const MAX_STATE_BYTES = 64 * 1024 * 1024;

/** Seconds between two pings; a viewer has to answer within them. */
const BEATS_TO_ANSWER = 30;

/**
 * A viewer. Its unsent data is bounded: when it's behind it misses messages, and gets the current state after it has read the
 * rest.
 */
export class ViewerPeer {
  #missed = 0;
  #behind = false;
  #beats = 0;
  #hasAnswered = true;
  #presentState: () => Iterable<string> = () => [];
  #hasRoom: () => boolean = () => true;

  constructor(
    private readonly socket: WebSocket,
    /** It reads arrays of messages and `@handoff.*` messages. */
    readonly batched: boolean,
    private readonly welcome: () => WelcomeMessage,
    private readonly maxUnsentBytes = MAX_UNSENT_BYTES,
  ) {}

  get unsentBytes(): number {
    return this.socket.bufferedAmount;
  }

  /**
   * Sends the current state, at once or later.
   * @param presentState returns the messages of the current state as JSON texts
   * @param hasRoom whether the unsent data of all viewers leaves room for it
   */
  start(presentState: () => Iterable<string>, hasRoom: () => boolean): void {
    this.#presentState = presentState;
    this.#hasRoom = hasRoom;
    if (hasRoom()) this.#sendPresentState([]);
    else this.#behind = true;
  }

  /** Whether it isn't behind. If it is, counts a missed message. */
  isReady(): boolean {
    if (this.#behind) this.#missed++;
    return !this.#behind;
  }

  send(batch: Batch): void {
    if (this.#behind) {
      this.#missed += batch.size;
      return;
    }
    this.#write(batch);
    if (this.socket.bufferedAmount > this.maxUnsentBytes) this.#behind = true;
  }

  /** It answered a ping. The ping comes after all unsent data, so the viewer reads. */
  answer(): void {
    this.#hasAnswered = true;
  }

  /**
   * To be called each second.
   * @returns whether the viewer was disconnected because it doesn't read
   */
  beat(): boolean {
    this.#catchUp();
    this.#beats++;
    if (this.#beats % BEATS_TO_ANSWER !== 0) return false;
    if (!this.#hasAnswered) {
      this.socket.terminate();
      return true;
    }
    this.#hasAnswered = false;
    this.socket.ping();
    return false;
  }

  #catchUp(): void {
    if (!this.#behind || this.socket.bufferedAmount > 0 || !this.#hasRoom()) return;
    this.#behind = false;
    const messages = this.#missed;
    this.#missed = 0;
    this.#sendPresentState(messages > 0 ? [{ type: '@handoff.dropped', messages }] : []);
  }

  #sendPresentState(first: readonly RelayMessage[]): void {
    let batch = new Batch();
    for (const message of [this.welcome(), ...first]) batch.add(message, JSON.stringify(message));
    for (const text of this.#presentState()) {
      if (this.socket.bufferedAmount > MAX_STATE_BYTES) {
        this.#behind = true;
        this.#missed++;
        break;
      }
      if (!this.batched) {
        this.#sendText(Buffer.from(text));
        continue;
      }
      batch.addText(text);
      if (!batch.isFull) continue;
      this.#write(batch);
      batch = new Batch();
    }
    if (batch.size > 0) this.#write(batch);
  }

  #write(batch: Batch): void {
    if (this.batched) this.#sendText(batch.asArray());
    else for (const text of batch.asSingles()) this.#sendText(text);
  }

  #sendText(text: Buffer): void {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(text, { binary: false }, () => this.#catchUp());
  }
}
