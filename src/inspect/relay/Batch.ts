import type { RelayMessage } from '../messages/InspectionMessage';

/** Characters at which a batch is sent, and another one begun. */
const FULL_CHARACTERS = 256 * 1024;

/** Messages that are sent together. Each viewer's copy is the same memory. */
export class Batch {
  readonly #messages: RelayMessage[] = [];
  readonly #texts: string[] = [];
  #characters = 0;
  #array: Buffer | undefined;
  #singles: readonly Buffer[] | undefined;

  /** @param text the message as our own page reads it: definitions are named by their keys */
  add(message: RelayMessage, text: string): void {
    this.#messages.push(message);
    this.addText(text);
  }

  /** For our own page alone. */
  addText(text: string): void {
    this.#texts.push(text);
    this.#characters += text.length;
  }

  get size(): number {
    return this.#texts.length;
  }

  get isFull(): boolean {
    return this.#characters >= FULL_CHARACTERS;
  }

  /** All in one JSON array. */
  asArray(): Buffer {
    this.#array ??= Buffer.from(`[${this.#texts.join(',')}]`);
    return this.#array;
  }

  /** Those that every reader of the format knows, each by itself. */
  asSingles(): readonly Buffer[] {
    this.#singles ??= this.#messages
      .filter(({ type }) => type.startsWith('@xstate.'))
      .map((message) => Buffer.from(JSON.stringify(message)));
    return this.#singles;
  }
}
