import { z } from 'zod';
import { definitionText } from './definitionText';
import type { InspectionHub } from './InspectionHub';
import {
  type ActorMessage,
  INSPECTION_FORMAT_VERSION,
  type InspectedEvent,
  type InspectedSnapshot,
  type SnapshotMessage,
  type StatelyInspectionMessage,
} from './InspectionMessage';
import { inspectedEvent } from './inspectedEvent';
import { plainSnapshot } from './plainSnapshot';
import type { RelayedActor } from './RelayedActor';

/** Actors that one sender may have at a time. */
const MAX_ACTORS = 10_000;

/** Characters of the snapshots and definitions that are kept for one sender. */
const MAX_KEPT_CHARACTERS = 32 * 1024 * 1024;

const sessionId = z.string().min(1).max(200);
const base = {
  sessionId,
  rootId: sessionId.nullish(),
  createdAt: z.string().regex(/^\d{1,16}$/),
};
const event = z.looseObject({ type: z.string().max(500) });
const snapshot = z.looseObject({});
const message = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('@xstate.actor'),
    ...base,
    name: z.string().max(500),
    parentId: sessionId.nullish(),
    definition: z.string().nullish(),
    snapshot: snapshot.nullish(),
  }),
  z.object({ type: z.literal('@xstate.event'), ...base, sourceId: sessionId.nullish(), event }),
  z.object({ type: z.literal('@xstate.snapshot'), ...base, event, snapshot: snapshot.nullish() }),
]);

type SentMessage = z.infer<typeof message>;

interface SentActor {
  actor: RelayedActor;
  latest: InspectedSnapshot | undefined;
  characters: number;
}

/** Another process, or a page, that sends what its actors do with a client of `@statelyai/inspect`. */
export class SenderPeer {
  readonly #actors = new Map<string, SentActor>();
  #characters = 0;

  constructor(
    private readonly hub: InspectionHub,
    /** In front of the sender's session ids, which are only unique within its process. */
    private readonly prefix: string,
  ) {}

  /**
   * Passes a message on.
   * @returns why the sender must be cut off, if it must
   */
  receive(text: string): 'malformed' | 'tooMuch' | undefined {
    const parsed = message.safeParse(parseJson(text));
    if (!parsed.success) return 'malformed';
    const sent = this.#withPrefix(parsed.data);
    const known = this.#actors.get(sent.sessionId);
    if (sent.type === '@xstate.event') {
      this.hub.tell(() => sent);
      return undefined;
    }
    if (sent.snapshot?.status !== undefined && sent.snapshot.status !== 'active') {
      if (sent.type === '@xstate.snapshot') this.hub.tell(() => sent);
      this.#remove(sent.sessionId);
      return undefined;
    }
    const kept: SentActor = known ?? {
      actor: toRelayed(sent, () => kept.latest),
      latest: undefined,
      characters: 0,
    };
    this.#characters += text.length - kept.characters;
    kept.characters = text.length;
    kept.latest = sent.snapshot;
    this.#actors.set(sent.sessionId, kept);
    if (this.#actors.size > MAX_ACTORS || this.#characters > MAX_KEPT_CHARACTERS) return 'tooMuch';
    if (sent.type === '@xstate.actor' || !known) {
      if (sent.type === '@xstate.actor') kept.actor = toRelayed(sent, () => kept.latest);
      this.hub.addActor(kept.actor);
    }
    if (sent.type === '@xstate.snapshot') this.hub.tell(() => sent);
    return undefined;
  }

  /** The sender has gone. */
  end(): void {
    this.hub.removeActors([...this.#actors.keys()]);
    this.#actors.clear();
  }

  #remove(id: string): void {
    this.#characters -= this.#actors.get(id)?.characters ?? 0;
    this.#actors.delete(id);
    this.hub.removeActor(id);
  }

  #withPrefix(sent: SentMessage): StatelyInspectionMessage {
    const prefixed = (id: string | null | undefined) =>
      id === undefined || id === null ? undefined : `${this.prefix}${id}`;
    const shared = {
      sessionId: `${this.prefix}${sent.sessionId}`,
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
          name: sent.name,
          parentId: prefixed(sent.parentId),
          definition: checkedDefinition(sent.definition),
          snapshot: plainSnapshot(sent.snapshot),
        };
      case '@xstate.event':
        return {
          ...shared,
          type: sent.type,
          sourceId: prefixed(sent.sourceId),
          event: shownEvent(sent.event),
        };
      case '@xstate.snapshot':
        return {
          ...shared,
          type: sent.type,
          event: shownEvent(sent.event),
          snapshot: plainSnapshot(sent.snapshot) ?? {},
        };
    }
  }
}

/** An actor of which only a snapshot came is still worth showing. */
function toRelayed(
  sent: ActorMessage | SnapshotMessage,
  latest: () => InspectedSnapshot | undefined,
): RelayedActor {
  const { sessionId, rootId, createdAt } = sent;
  const { name, parentId, definition } =
    sent.type === '@xstate.actor' ? sent : { name: sessionId, parentId: undefined, definition: undefined };
  return {
    ...{ name, sessionId, rootId, parentId, createdAt, definition },
    snapshot: latest,
    delays: () => undefined,
  };
}

function shownEvent(sent: { readonly type: string }): InspectedEvent {
  return inspectedEvent(sent, undefined);
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
