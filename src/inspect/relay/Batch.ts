import type { RelayMessage } from '../messages/InspectionMessage';

/** Size at which a batch is full, in characters. */
const FULL_CHARACTERS = 256 * 1024;

/** Messages that are sent together. All viewers share the encoded buffers. */
export class Batch {
  readonly #messages: RelayMessage[] = [];
  readonly #texts: string[] = [];
  #characters = 0;
  #array: Buffer | undefined;
  #singles: readonly Buffer[] | undefined;

  /** @param text the message as JSON for the viewer page, with `definitionKey` in place of `definition` */
  add(message: RelayMessage, text: string): void {
    this.#messages.push(message);
    this.addText(text);
  }

  /** Adds a message for batched viewers only. */
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

  /** All messages in one JSON array. */
  asArray(): Buffer {
    this.#array ??= Buffer.from(`[${this.#texts.join(',')}]`);
    return this.#array;
  }

  /** The messages of `@statelyai/inspect`, one JSON text each. */
  asSingles(): readonly Buffer[] {
    this.#singles ??= this.#messages
      .filter(({ type }) => type.startsWith('@xstate.'))
      .map((message) => Buffer.from(JSON.stringify(message)));
    return this.#singles;
  }
}
