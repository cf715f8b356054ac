import {
  type ActorMessage,
  INSPECTION_FORMAT_VERSION,
  type InspectedSnapshot,
  type RunningDelays,
  type SnapshotMessage,
} from '../messages/InspectionMessage';

/** A running actor, with what a new viewer needs. */
export interface RelayedActor {
  readonly name: string;
  readonly sessionId: string;
  readonly rootId: string | undefined;
  readonly parentId: string | undefined;
  /** Milliseconds since 1970, as a string of digits. */
  readonly createdAt: string;
  /** The machine's config as JSON; undefined if the actor has no chart. */
  readonly definition: string | undefined;
  /** Approximate memory that the message holds until it's sent, with the snapshot. */
  readonly characters: number;
  /** Called when a message is sent, so that snapshots in between are never serialized. */
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

/** For readers that take an actor's state only from snapshot messages. Empty if it has no snapshot. */
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
