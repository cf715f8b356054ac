import { WebSocket } from 'ws';
import type { RelayMessage, WelcomeMessage } from '../messages/InspectionMessage';
import { Batch } from './Batch';

/** Unsent bytes at which a viewer counts as too slow. The present state may exceed it. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;

/** Of the present state; what is over it is left out. A reader that takes each definition with each actor may come to it. */
const MAX_STATE_BYTES = 64 * 1024 * 1024;

/** Beats, of a second each, within which a viewer has to answer. */
const BEATS_TO_ANSWER = 30;

/**
 * One who watches. What is unsent stays bounded: a viewer that is too slow misses messages, and gets the present state
 * when it has read what it had.
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
    /** It reads arrays of messages, and messages that `@statelyai/inspect` doesn't know. */
    readonly batched: boolean,
    private readonly welcome: () => WelcomeMessage,
    private readonly maxUnsentBytes = MAX_UNSENT_BYTES,
  ) {}

  get unsentBytes(): number {
    return this.socket.bufferedAmount;
  }

  /**
   * @param presentState as JSON texts
   * @param hasRoom whether there is room for it among all that is unsent; if not, it's sent later
   */
  start(presentState: () => Iterable<string>, hasRoom: () => boolean): void {
    this.#presentState = presentState;
    this.#hasRoom = hasRoom;
    if (hasRoom()) this.#sendPresentState([]);
    else this.#behind = true;
  }

  /** False: it has too much unread. Whatever happens then counts as missed. */
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

  /** It answers a ping that waits behind all that is unsent, so that it does read. */
  answer(): void {
    this.#hasAnswered = true;
  }

  /**
   * Called each second.
   * @returns whether it was cut off, since it reads nothing
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
