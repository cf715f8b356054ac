import { z } from 'zod';
import { definitionText } from '../messages/definitionText';
import {
  type ActorMessage,
  type EventMessage,
  INSPECTION_FORMAT_VERSION,
  type SnapshotMessage,
  type StatelyInspectionMessage,
} from '../messages/InspectionMessage';
import type { LeftOutReason } from '../messages/LeftOut';
import { plainSnapshot } from '../messages/plainSnapshot';
import { Definitions } from './Definitions';
import type { InspectionHub } from './InspectionHub';
import { inspectedEvent, shownName } from './inspectedEvent';
import { isNestedAtMost } from './jsonNesting';
import { bytesOf, type KeptBudget } from './KeptBudget';
import type { RelayedActor } from './RelayedActor';

/** Most actors of one sender at a time. */
const MAX_ACTORS = 10_000;

/** Longest message; a longer one is refused. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

/** Deepest nesting of a message or chart. Each level of states takes two or three levels of JSON. */
const MAX_NESTING = 200;

/** Most ended actors that are remembered, so that what is still sent of them doesn't start them anew. */
const MAX_ENDED = 1_000;

/** Sent to a parent by a child that failed; XState sends no snapshot of one that threw. */
const CHILD_FAILED = 'xstate.error.actor.';

const sessionId = z.string().min(1).max(200);
const base = {
  sessionId,
  rootId: sessionId.nullish(),
  createdAt: z.string().regex(/^\d{1,16}$/),
};
const event = z.looseObject({ type: z.string() });
const snapshot = z.looseObject({});
const message = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('@xstate.actor'),
    ...base,
    // The client leaves it out for a root actor and a chart without an id.
    name: z.string().nullish(),
    parentId: sessionId.nullish(),
    definition: z.string().nullish(),
    snapshot: snapshot.nullish(),
  }),
  z.object({ type: z.literal('@xstate.event'), ...base, sourceId: sessionId.nullish(), event }),
  z.object({ type: z.literal('@xstate.snapshot'), ...base, event, snapshot: snapshot.nullish() }),
]);

type SentMessage = z.infer<typeof message>;

/** An actor of a sender. */
interface SentActor extends RelayedActor {
  /** Upper bound of the memory kept for it, without its definition. */
  readonly bytes: number;
}

/**
 * Another process or page that sends its actors' events with a client of `@statelyai/inspect`. An invalid message is refused
 * and counted; the connection stays open.
 */
export class SenderPeer {
  readonly #hub: InspectionHub;
  readonly #kept: KeptBudget;
  readonly #prefix: string;
  readonly #actors = new Map<string, SentActor>();
  readonly #ended = new Set<string>();
  /** Each definition is kept and counted once. */
  readonly #definitions = new Definitions();

  /** @param prefix added to the sender's session ids, which are unique only within its process */
  constructor(hub: InspectionHub, kept: KeptBudget, prefix: string) {
    this.#hub = hub;
    this.#kept = kept;
    this.#prefix = prefix;
  }

  /** Passes a message on, or refuses it. Never throws. */
  receive(data: Buffer, isBinary: boolean): void {
    const reason = this.#receive(data, isBinary);
    if (reason !== undefined) this.#hub.leaveOut(reason);
  }

  /** The sender has disconnected. */
  end(): void {
    this.#hub.removeActors([...this.#actors.keys()]);
    this.#actors.clear();
    this.#kept.end(this);
  }

  #receive(data: Buffer, isBinary: boolean): LeftOutReason | undefined {
    if (data.length > MAX_MESSAGE_BYTES) return 'tooLarge';
    if (isBinary) return 'malformed';
    const text = data.toString();
    if (!isNestedAtMost(text, MAX_NESTING)) return 'tooDeep';
    const parsed = message.safeParse(parseJson(text));
    if (!parsed.success) return 'malformed';
    const { definition } = parsed.data.type === '@xstate.actor' ? parsed.data : { definition: undefined };
    if (typeof definition === 'string' && !isNestedAtMost(definition, MAX_NESTING)) return 'tooDeep';
    const sent = parsed.data;
    // Most messages are events, and without a viewer nobody needs a copy.
    const isOfUse =
      sent.type !== '@xstate.event' || this.#hub.watched || sent.event.type.startsWith(CHILD_FAILED);
    return isOfUse ? this.#pass(this.#withPrefix(sent), text.length) : undefined;
  }

  #pass(sent: StatelyInspectionMessage, characters: number): LeftOutReason | undefined {
    if (sent.type === '@xstate.event') {
      this.#hub.tell(() => sent, characters);
      this.#endFailedChild(sent, characters);
      return undefined;
    }
    if (sent.type === '@xstate.actor') this.#ended.delete(sent.sessionId);
    else if (this.#ended.has(sent.sessionId)) {
      this.#hub.tell(() => sent, characters);
      return undefined;
    }
    const hasEnded = sent.snapshot?.status !== undefined && sent.snapshot.status !== 'active';
    if (hasEnded && sent.type === '@xstate.snapshot') {
      this.#hub.tell(() => sent, characters);
      this.#end(sent.sessionId);
      return undefined;
    }
    const known = this.#actors.get(sent.sessionId);
    if (known === undefined && this.#actors.size >= MAX_ACTORS) return 'tooManyActors';
    const actor = this.#toActor(sent, known, characters);
    if (!this.#keep(actor, known)) return 'tooMuchKept';
    if (sent.type === '@xstate.actor' || known === undefined) this.#hub.addActor(actor);
    else this.#hub.updateActor(actor);
    if (sent.type === '@xstate.snapshot') this.#hub.tell(() => sent, characters);
    // It ended before the client sent it: its steps follow.
    if (hasEnded) this.#end(sent.sessionId);
    return undefined;
  }

  #endFailedChild({ event, sourceId, ...base }: EventMessage, characters: number): void {
    if (sourceId === undefined || !event.type.startsWith(CHILD_FAILED) || !this.#actors.has(sourceId)) return;
    const snapshot = { status: 'error', error: event['error'] };
    const failed = { ...base, sessionId: sourceId, type: '@xstate.snapshot', event, snapshot } as const;
    this.#hub.tell(() => failed, characters);
    this.#end(sourceId);
  }

  #end(id: string): void {
    this.#remove(id);
    this.#ended.add(id);
    const [oldest] = this.#ended;
    if (this.#ended.size > MAX_ENDED && oldest !== undefined) this.#ended.delete(oldest);
  }

  /**
   * The data to keep of an actor. Its snapshot is kept as text, since parsed values take many times the memory. An actor of
   * which only a snapshot was sent is shown too.
   */
  #toActor(
    sent: ActorMessage | SnapshotMessage,
    known: RelayedActor | undefined,
    characters: number,
  ): SentActor {
    const { sessionId } = sent;
    const { name, rootId, parentId, createdAt, definition } =
      sent.type === '@xstate.actor'
        ? sent
        : (known ?? { ...sent, name: sessionId, parentId: undefined, definition: undefined });
    const latest = sent.snapshot && JSON.stringify(sent.snapshot);
    return {
      ...{ name, sessionId, rootId, parentId, createdAt, characters },
      definition: definition && this.#definitions.kept(definition),
      bytes: bytesOf(name, sessionId, rootId, parentId, latest),
      snapshot: () => (latest === undefined ? undefined : JSON.parse(latest)),
      delays: () => undefined,
    };
  }

  /** @returns false if the bound would be exceeded; the earlier data stays then */
  #keep(actor: SentActor, known: SentActor | undefined): boolean {
    const { definition } = actor;
    const isNewDefinition = definition !== undefined && this.#definitions.keyOf(definition) === undefined;
    const more = actor.bytes - (known?.bytes ?? 0) + (isNewDefinition ? bytesOf(definition) : 0);
    if (!this.#kept.take(this, more)) return false;
    if (definition !== undefined) this.#definitions.acquire(definition);
    this.#release(known?.definition);
    this.#actors.set(actor.sessionId, actor);
    return true;
  }

  #release(definition: string | undefined): void {
    if (definition === undefined || this.#definitions.release(definition) === undefined) return;
    this.#kept.take(this, -bytesOf(definition));
  }

  #remove(id: string): void {
    const known = this.#actors.get(id);
    if (known === undefined) return;
    this.#actors.delete(id);
    this.#kept.take(this, -known.bytes);
    this.#release(known.definition);
    this.#hub.removeActor(id);
  }

  #withPrefix(sent: SentMessage): StatelyInspectionMessage {
    const prefixed = (id: string | null | undefined) =>
      id === undefined || id === null ? undefined : this.#prefix + id;
    const shared = {
      sessionId: this.#prefix + sent.sessionId,
      rootId: prefixed(sent.rootId),
      createdAt: sent.createdAt,
      id: null,
      _version: INSPECTION_FORMAT_VERSION,
    };
    switch (sent.type) {
      case '@xstate.actor':
        return {
          ...shared,
          type: sent.type,
          name: shownName(sent.name ?? sent.sessionId),
          parentId: prefixed(sent.parentId),
          definition: checkedDefinition(sent.definition),
          snapshot: plainSnapshot(sent.snapshot),
        };
      case '@xstate.event':
        return {
          ...shared,
          type: sent.type,
          sourceId: prefixed(sent.sourceId),
          event: inspectedEvent(sent.event, undefined),
        };
      case '@xstate.snapshot':
        return {
          ...shared,
          type: sent.type,
          event: inspectedEvent(sent.event, undefined),
          snapshot: plainSnapshot(sent.snapshot) ?? {},
        };
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function checkedDefinition(text: string | null | undefined): string | undefined {
  const config = typeof text === 'string' ? parseJson(text) : undefined;
  return typeof config === 'object' && config !== null ? definitionText(config) : undefined;
}
