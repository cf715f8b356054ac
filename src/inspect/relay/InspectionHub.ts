import type { LeftOutMessage, RelayMessage } from '../messages/InspectionMessage';
import type { LeftOut, LeftOutReason } from '../messages/LeftOut';
import { Batch } from './Batch';
import { Definitions } from './Definitions';
import { type RelayedActor, toActorMessage, toSnapshotMessages } from './RelayedActor';
import type { ViewerPeer } from './ViewerPeer';

/** How long messages are gathered for one batch: below what an eye sees, above what a burst takes. */
const BATCH_MS = 25;

/** A burst longer than this is sent at once, so that what waits stays bounded. */
const MAX_WAITING_MESSAGES = 2_000;
const MAX_WAITING_CHARACTERS = 256 * 1024;

/** The interval reports that a newcomer is given. */
const MAX_KEPT_REPORTS = 180;

/** Unsent bytes of all viewers together at which nobody is sent the present state, which may be large. */
const MAX_UNSENT_BYTES = 64 * 1024 * 1024;

/** How often viewers that wait for the present state are looked after. */
const BEAT_MS = 1_000;

/** Somebody who tells the hub of actors, as long as anybody watches. */
export interface HubSource {
  watch(): void;
  unwatch(): void;
}

/**
 * Knows every actor that lives, and brings what happens to whoever watches. As long as nobody does it holds nothing and
 * watches nothing. Nothing that a source tells, however odd, is thrown into the timers of the process.
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
  /** Sources are telling of what lives already, which the newcomer is sent anyway. */
  #filling = false;
  /** Viewers have not been told yet what was left out lately. */
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

  /** The viewer gets the present state first, then all that happens. */
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

  /** What it is now, for who comes later; its chart is the same. */
  updateActor(actor: RelayedActor): void {
    this.#actors.set(actor.sessionId, actor);
  }

  removeActor(sessionId: string): void {
    const actor = this.#actors.get(sessionId);
    this.#actors.delete(sessionId);
    this.#release(actor);
  }

  /** The actors' source is no longer watched. */
  removeActors(sessionIds: readonly string[]): void {
    if (sessionIds.length > 0) this.tell(() => ({ type: '@handoff.gone', sessionIds }));
    for (const sessionId of sessionIds) this.removeActor(sessionId);
  }

  /**
   * @param message made when it's sent, if it's sent
   * @param characters about how much is held until then
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

  /** Counts what isn't passed on, and lets everybody know who watches. */
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

  /** A viewer that can't keep up misses what happens now, and gets the present state later. */
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

  /** As JSON texts, one by one: all of it at once would be several times as large. */
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
    // Forgotten by now, with its last actor.
    if (definitionKey === undefined) return message;
    return { ...rest, definitionKey };
  }
}
