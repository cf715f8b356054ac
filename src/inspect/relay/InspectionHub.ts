import type { LeftOutMessage, RelayMessage } from '../messages/InspectionMessage';
import type { LeftOut, LeftOutReason } from '../messages/LeftOut';
import { Batch } from './Batch';
import { Definitions } from './Definitions';
import { type RelayedActor, toActorMessage, toSnapshotMessages } from './RelayedActor';
import type { ViewerPeer } from './ViewerPeer';

/** How long messages are collected for one batch: too short to notice, long enough for a burst. */
const BATCH_MS = 25;

/** A batch of this size is sent at once, which bounds the memory of waiting messages. */
const MAX_WAITING_MESSAGES = 2_000;
const MAX_WAITING_CHARACTERS = 256 * 1024;

/** Most route reports kept for new viewers. */
const MAX_KEPT_REPORTS = 180;

/** Unsent bytes of all viewers together at which the current state, which may be large, isn't sent to anyone. */
const MAX_UNSENT_BYTES = 64 * 1024 * 1024;

/** Interval at which viewers that wait for the current state are checked. */
const BEAT_MS = 1_000;

/** A source of actors, observed only while there is a viewer. */
export interface HubSource {
  watch(): void;
  unwatch(): void;
}

/**
 * Keeps the running actors and sends their events to the viewers. Without viewers it observes no source and holds no actor
 * of one. Invalid data of a source never throws into the process's timers.
 */
export class InspectionHub {
  readonly #actors = new Map<string, RelayedActor>();
  readonly #sources = new Set<HubSource>();
  readonly #viewers = new Set<ViewerPeer>();
  readonly #definitions = new Definitions();
  readonly #leftOut = new Map<LeftOutReason, number>();
  readonly #onLeftOut: () => void;
  #reports: RelayMessage[] = [];
  #waiting: (() => RelayMessage)[] = [];
  #waitingCharacters = 0;
  #timer: NodeJS.Timeout | undefined;
  #beats: NodeJS.Timeout | undefined;
  /** Sources are replaying running actors, which the new viewer gets with the current state. */
  #filling = false;
  /** A message with the latest `leftOut` counts is waiting. */
  #leftOutIsNew = false;

  constructor(onLeftOut: () => void = () => {}) {
    this.#onLeftOut = onLeftOut;
  }

  get watched(): boolean {
    return this.#viewers.size > 0;
  }

  get leftOut(): LeftOut {
    return Object.fromEntries(this.#leftOut);
  }

  addSource(source: HubSource): void {
    this.#sources.add(source);
    if (this.watched) source.watch();
  }

  removeSource(source: HubSource): void {
    if (this.#sources.delete(source) && this.watched) source.unwatch();
  }

  /** Sends the current state to the viewer, then every event. */
  addViewer(viewer: ViewerPeer): void {
    this.#flush();
    if (!this.watched) {
      this.#filling = true;
      for (const source of this.#sources) source.watch();
      this.#filling = false;
      this.#beats = setInterval(() => this.#beat(), BEAT_MS).unref();
    }
    this.#viewers.add(viewer);
    viewer.start(
      () => this.#presentState(viewer.batched),
      () => this.#unsentBytes() < MAX_UNSENT_BYTES,
    );
  }

  removeViewer(viewer: ViewerPeer): void {
    if (!this.#viewers.delete(viewer) || this.watched) return;
    for (const source of this.#sources) source.unwatch();
    this.#waiting = [];
    this.#waitingCharacters = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    clearInterval(this.#beats);
  }

  addActor(actor: RelayedActor): void {
    const earlier = this.#actors.get(actor.sessionId);
    const { definition } = actor;
    const key = definition === undefined ? undefined : this.#definitions.acquire(definition);
    if (definition !== undefined && key !== undefined) {
      this.tell(() => ({ type: '@handoff.definition', key, definition }), definition.length);
    }
    this.#actors.set(actor.sessionId, actor);
    this.tell(() => toActorMessage(actor), actor.characters);
    this.#release(earlier);
  }

  /** Replaces an actor's data for later viewers; its definition must be the same. */
  updateActor(actor: RelayedActor): void {
    this.#actors.set(actor.sessionId, actor);
  }

  removeActor(sessionId: string): void {
    const actor = this.#actors.get(sessionId);
    this.#actors.delete(sessionId);
    this.#release(actor);
  }

  /** Removes the actors of a source that was detached. */
  removeActors(sessionIds: readonly string[]): void {
    if (sessionIds.length > 0) this.tell(() => ({ type: '@handoff.gone', sessionIds }));
    for (const sessionId of sessionIds) this.removeActor(sessionId);
  }

  /**
   * Adds a message to the batch if a viewer is ready.
   * @param message creates the message; called when it's sent
   * @param characters approximate memory held until then
   */
  tell(message: () => RelayMessage, characters = 0): void {
    if (this.#filling || !this.#anybodyReady()) return;
    this.#waiting.push(message);
    this.#waitingCharacters += characters;
    if (this.#waiting.length >= MAX_WAITING_MESSAGES || this.#waitingCharacters >= MAX_WAITING_CHARACTERS) {
      this.#flush();
    } else {
      this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS).unref();
    }
  }

  report(message: RelayMessage): void {
    this.#reports = [...this.#reports.slice(1 - MAX_KEPT_REPORTS), message];
    this.tell(() => message);
  }

  /** Counts a refusal and tells the viewers. */
  leaveOut(reason: LeftOutReason): void {
    this.#leftOut.set(reason, (this.#leftOut.get(reason) ?? 0) + 1);
    if (!this.#leftOutIsNew) {
      this.#leftOutIsNew = true;
      this.tell(() => this.#leftOutMessage());
    }
    this.#onLeftOut();
  }

  #release(actor: RelayedActor | undefined): void {
    if (actor?.definition === undefined) return;
    const key = this.#definitions.release(actor.definition);
    if (key !== undefined) this.tell(() => ({ type: '@handoff.forgotten', keys: [key] }));
  }

  /** Asks every viewer, since one that is behind counts what it misses. */
  #anybodyReady(): boolean {
    let ready = false;
    for (const viewer of this.#viewers) if (viewer.isReady()) ready = true;
    return ready;
  }

  #unsentBytes(): number {
    let bytes = 0;
    for (const viewer of this.#viewers) bytes += viewer.unsentBytes;
    return bytes;
  }

  #beat(): void {
    for (const viewer of this.#viewers) if (viewer.beat()) this.leaveOut('peers');
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingCharacters = 0;
    let batch = new Batch();
    for (const make of waiting) {
      this.#addTo(batch, make);
      if (!batch.isFull) continue;
      this.#send(batch);
      batch = new Batch();
    }
    this.#send(batch);
  }

  #addTo(batch: Batch, make: () => RelayMessage): void {
    try {
      const message = make();
      batch.add(message, JSON.stringify(this.#withoutDefinition(message)));
    } catch {
      this.leaveOut('unreadable');
    }
  }

  #send(batch: Batch): void {
    if (batch.size === 0) return;
    for (const viewer of this.#viewers) viewer.send(batch);
  }

  /** JSON texts, created one by one to save memory. */
  *#presentState(batched: boolean): Generator<string> {
    if (batched) {
      for (const definition of this.#definitions) {
        yield JSON.stringify({ type: '@handoff.definition', ...definition });
      }
    }
    for (const actor of this.#actors.values()) yield* this.#actorTexts(actor, batched);
    if (!batched) return;
    for (const report of this.#reports) yield JSON.stringify(report);
    if (this.#leftOut.size > 0) yield JSON.stringify(this.#leftOutMessage());
  }

  #actorTexts(actor: RelayedActor, batched: boolean): readonly string[] {
    try {
      const message = toActorMessage(actor);
      const messages = batched
        ? [this.#withoutDefinition(message)]
        : [message, ...toSnapshotMessages(message)];
      return messages.map((each) => JSON.stringify(each));
    } catch {
      this.leaveOut('unreadable');
      return [];
    }
  }

  #leftOutMessage(): LeftOutMessage {
    this.#leftOutIsNew = false;
    return { type: '@handoff.leftOut', counts: this.leftOut };
  }

  #withoutDefinition(message: RelayMessage): RelayMessage {
    if (message.type !== '@xstate.actor' || message.definition === undefined) return message;
    const { definition, ...rest } = message;
    const definitionKey = this.#definitions.keyOf(definition);
    // Its last actor has ended meanwhile.
    if (definitionKey === undefined) return message;
    return { ...rest, definitionKey };
  }
}
