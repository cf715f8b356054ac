import type { DefinitionMessage, RelayMessage } from './InspectionMessage';
import { type RelayedActor, toActorMessage, toSnapshotMessages } from './RelayedActor';
import type { PresentState, ViewerPeer } from './ViewerPeer';

/** How long messages are gathered for one batch: below what an eye sees, above what a burst takes. */
const BATCH_MS = 25;

/** A burst longer than this is sent at once, so that what waits stays bounded. */
const MAX_WAITING_MESSAGES = 2_000;

/** The interval reports that a newcomer is given. */
const MAX_KEPT_REPORTS = 180;

/** Somebody who tells the hub of actors, as long as anybody watches. */
export interface HubSource {
  watch(): void;
  unwatch(): void;
}

/**
 * Knows every actor that lives, and brings what happens to whoever watches. As long as nobody does it holds nothing and
 * watches nothing.
 */
export class InspectionHub {
  readonly #actors = new Map<string, RelayedActor>();
  readonly #sources = new Set<HubSource>();
  readonly #viewers = new Set<ViewerPeer>();
  readonly #definitions = new Map<string, DefinitionMessage>();
  #reports: RelayMessage[] = [];
  #waiting: (() => RelayMessage)[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** Sources are telling of what lives already, which the newcomer is sent anyway. */
  #filling = false;

  get watched(): boolean {
    return this.#viewers.size > 0;
  }

  addSource(source: HubSource): void {
    this.#sources.add(source);
    if (this.watched) source.watch();
  }

  removeSource(source: HubSource): void {
    if (this.#sources.delete(source) && this.watched) source.unwatch();
  }

  /** The viewer gets the present state first, then all that happens. */
  addViewer(viewer: ViewerPeer): void {
    this.#flush();
    if (!this.watched) {
      this.#filling = true;
      for (const source of this.#sources) source.watch();
      this.#filling = false;
    }
    this.#viewers.add(viewer);
    viewer.start(() => this.#presentState());
  }

  removeViewer(viewer: ViewerPeer): void {
    if (!this.#viewers.delete(viewer) || this.watched) return;
    for (const source of this.#sources) source.unwatch();
    this.#waiting = [];
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  addActor(actor: RelayedActor): void {
    this.#actors.set(actor.sessionId, actor);
    this.tell(() => toActorMessage(actor));
  }

  removeActor(sessionId: string): void {
    this.#actors.delete(sessionId);
  }

  /** The actors' source is no longer watched. */
  removeActors(sessionIds: readonly string[]): void {
    for (const sessionId of sessionIds) this.#actors.delete(sessionId);
    if (sessionIds.length > 0) this.tell(() => ({ type: '@handoff.gone', sessionIds }));
  }

  /** @param message made when it's sent, if it's sent */
  tell(message: () => RelayMessage): void {
    if (this.#filling || !this.#anybodyReady()) return;
    this.#waiting.push(message);
    if (this.#waiting.length >= MAX_WAITING_MESSAGES) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS).unref();
  }

  report(message: RelayMessage): void {
    this.#reports = [...this.#reports.slice(1 - MAX_KEPT_REPORTS), message];
    this.tell(() => message);
  }

  /** A viewer that can't keep up misses what happens now, and gets the present state later. */
  #anybodyReady(): boolean {
    let ready = false;
    for (const viewer of this.#viewers) if (viewer.isReady()) ready = true;
    return ready;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    const messages = this.#waiting.map((message) => message());
    this.#waiting = [];
    const known = this.#definitions.size;
    const batched = messages.map((message) => this.#withoutDefinition(message));
    const text = JSON.stringify([...[...this.#definitions.values()].slice(known), ...batched]);
    for (const viewer of this.#viewers) viewer.send(messages, text);
  }

  #presentState(): PresentState {
    const actors = [...this.#actors.values()].map((actor) => toActorMessage(actor));
    const batched = actors.map((message) => this.#withoutDefinition(message));
    return {
      messages: actors.flatMap((actor) => [actor, ...toSnapshotMessages(actor)]),
      batched: [...this.#definitions.values(), ...batched, ...this.#reports],
    };
  }

  /** Thousands of actors share a chart, which is many times as long as the rest of the message. */
  #withoutDefinition(message: RelayMessage): RelayMessage {
    if (message.type !== '@xstate.actor' || message.definition === undefined) return message;
    const { definition, ...rest } = message;
    let entry = this.#definitions.get(definition);
    if (!entry) {
      entry = { type: '@handoff.definition', key: this.#definitions.size, definition };
      this.#definitions.set(definition, entry);
    }
    return { ...rest, definitionKey: entry.key };
  }
}
