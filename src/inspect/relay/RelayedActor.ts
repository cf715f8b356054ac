import {
  type ActorMessage,
  INSPECTION_FORMAT_VERSION,
  type InspectedSnapshot,
  type RunningDelays,
  type SnapshotMessage,
} from '../messages/InspectionMessage';

/** An actor that lives, as a newcomer has to hear of it. */
export interface RelayedActor {
  readonly name: string;
  readonly sessionId: string;
  readonly rootId: string | undefined;
  readonly parentId: string | undefined;
  /** Milliseconds since 1970, as a string of digits. */
  readonly createdAt: string;
  /** The machine's config as JSON. Undefined: the actor has no chart. */
  readonly definition: string | undefined;
  /** About how many it holds until it's told of, its snapshot's among them. */
  readonly characters: number;
  /** Called when somebody has to be told: the many snapshots in between are never serialized. */
  snapshot(): InspectedSnapshot | undefined;
  delays(): RunningDelays | undefined;
}

export function toActorMessage(actor: RelayedActor): ActorMessage {
  return {
    type: '@xstate.actor',
    name: actor.name,
    sessionId: actor.sessionId,
    rootId: actor.rootId,
    parentId: actor.parentId,
    createdAt: actor.createdAt,
    id: null,
    _version: INSPECTION_FORMAT_VERSION,
    definition: actor.definition,
    snapshot: actor.snapshot(),
    delays: actor.delays(),
  };
}

/** Some readers take an actor's state from a snapshot message only. Empty if it has no snapshot yet. */
export function toSnapshotMessages({
  sessionId,
  rootId,
  createdAt,
  snapshot,
}: ActorMessage): SnapshotMessage[] {
  if (snapshot === undefined) return [];
  return [
    {
      type: '@xstate.snapshot',
      event: { type: 'xstate.init' },
      snapshot,
      sessionId,
      rootId,
      createdAt,
      id: null,
      _version: INSPECTION_FORMAT_VERSION,
    },
  ];
}
