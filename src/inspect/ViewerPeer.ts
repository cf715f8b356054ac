import { WebSocket } from 'ws';
import type { RelayMessage, WelcomeMessage } from './InspectionMessage';

/** Unsent bytes at which a viewer counts as too slow. The present state may exceed it: it goes out in one piece. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;

/** The present state, as every viewer understands it, and as ours does. */
export interface PresentState {
  readonly messages: readonly RelayMessage[];
  readonly batched: readonly RelayMessage[];
}

/**
 * One who watches. What is unsent stays bounded: a viewer that is too slow misses messages, and gets the present state
 * when it has read what it had.
 */
export class ViewerPeer {
  #missed = 0;
  #behind = false;
  #presentState: () => PresentState = () => ({ messages: [], batched: [] });

  constructor(
    private readonly socket: WebSocket,
    /** It reads arrays of messages, and messages that `@statelyai/inspect` doesn't know. */
    private readonly batched: boolean,
    private readonly welcome: () => WelcomeMessage,
    private readonly maxUnsentBytes = MAX_UNSENT_BYTES,
  ) {}

  start(presentState: () => PresentState): void {
    this.#presentState = presentState;
    this.#sendPresentState([]);
  }

  /** False: it has too much unread. Whatever happens then counts as missed. */
  isReady(): boolean {
    if (this.#behind) this.#missed++;
    return !this.#behind;
  }

  /** @param text the messages as one batch */
  send(messages: readonly RelayMessage[], text: string): void {
    if (this.#behind) {
      this.#missed += messages.length;
      return;
    }
    this.#write(messages, text);
    if (this.socket.bufferedAmount > this.maxUnsentBytes) this.#behind = true;
  }

  #sendPresentState(first: readonly RelayMessage[]): void {
    const { messages, batched } = this.#presentState();
    this.#write(messages, JSON.stringify([this.welcome(), ...first, ...batched]));
  }

  #write(messages: readonly RelayMessage[], text: string): void {
    if (this.batched) {
      this.#sendText(text);
      return;
    }
    for (const message of messages) {
      // Other readers know the three messages of the format only.
      if (message.type.startsWith('@xstate.')) this.#sendText(JSON.stringify(message));
    }
  }

  #sendText(text: string): void {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(text, () => this.#catchUp());
  }

  #catchUp(): void {
    if (!this.#behind || this.socket.bufferedAmount > 0) return;
    this.#behind = false;
    const messages = this.#missed;
    this.#missed = 0;
    this.#sendPresentState([{ type: '@handoff.dropped', messages }]);
  }
}
