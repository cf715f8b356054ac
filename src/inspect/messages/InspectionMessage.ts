import type { LeftOut } from './LeftOut';

/**
 * The wire format: the messages of `@statelyai/inspect`, with additional fields that other readers ignore, and additional
 * messages (`@handoff.*`). Types only, shared by the relay and the page.
 */

/** The version of `@statelyai/inspect` that defines this format. */
export const INSPECTION_FORMAT_VERSION = '0.7.2';

/** Query parameter of the relay's WebSocket address: messages come in JSON arrays, and each definition is sent once. */
export const BATCHED_QUERY = 'batched';

/** An event of an actor. */
export interface InspectedEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** An actor's snapshot. Only a state machine has `value` and `context`. */
export interface InspectedSnapshot {
  readonly status?: string;
  readonly value?: unknown;
  readonly context?: unknown;
  readonly output?: unknown;
  readonly error?: unknown;
  readonly [field: string]: unknown;
}

interface StatelyMessage {
  readonly sessionId: string;
  readonly rootId?: string | undefined;
  /** Milliseconds since 1970, as a string of digits. */
  readonly createdAt: string;
  readonly id: null | string;
  readonly _version: string;
}

/** A transition taken in a step. */
export interface TakenTransition {
  /** The id of the state node that declares it. */
  readonly source: string;
  /** The event's type; empty for an eventless transition. */
  readonly event: string;
  /** Its index among the source's transitions for that event, from 0. */
  readonly index: number;
  /** The guard as text, if there is one. */
  readonly guard?: string | undefined;
  /** The ids of its targets; empty for a transition without a target. */
  readonly targets: readonly string[];
}

/** The end of each running delay in milliseconds since 1970, by the delay's name. */
export type RunningDelays = Readonly<Record<string, number>>;

/** A running actor: sent when it starts, and to each new viewer. */
export interface ActorMessage extends StatelyMessage {
  readonly type: '@xstate.actor';
  readonly name: string;
  readonly parentId?: string | undefined;
  /** The machine's config as JSON. */
  readonly definition?: string | undefined;
  readonly snapshot?: InspectedSnapshot | undefined;
  /** Additional: refers to the `DefinitionMessage` with this key, in place of `definition`. */
  readonly definitionKey?: number | undefined;
  /** Additional. */
  readonly delays?: RunningDelays | undefined;
}

/** An event was sent to an actor. */
export interface EventMessage extends StatelyMessage {
  readonly type: '@xstate.event';
  readonly sourceId?: string | undefined;
  readonly event: InspectedEvent;
}

/** An actor processed an event. */
export interface SnapshotMessage extends StatelyMessage {
  readonly type: '@xstate.snapshot';
  readonly event: InspectedEvent;
  readonly snapshot: InspectedSnapshot;
  /** Additional: the taken transitions, in order. Omitted if the sender doesn't report them. */
  readonly transitions?: readonly TakenTransition[] | undefined;
  /** Additional: the events that the actor emitted. */
  readonly emitted?: readonly InspectedEvent[] | undefined;
  /** Additional. */
  readonly delays?: RunningDelays | undefined;
}

/** A message of `@statelyai/inspect`. */
export type StatelyInspectionMessage = ActorMessage | EventMessage | SnapshotMessage;

/** The first message to a batched viewer. */
export interface WelcomeMessage {
  readonly type: '@handoff.welcome';
  /** A changed id means another relay: everything received before is invalid. */
  readonly relayId: string;
  /** The relay's wall clock, milliseconds since 1970. */
  readonly now: number;
}

/** A machine's config as JSON, for the actors that name its key. */
export interface DefinitionMessage {
  readonly type: '@handoff.definition';
  readonly key: number;
  readonly definition: string;
}

/** No actor uses these definitions any more; their keys are never reused. */
export interface ForgottenMessage {
  readonly type: '@handoff.forgotten';
  readonly keys: readonly number[];
}

/** What the relay has refused since its start: messages of senders, and connections. */
export interface LeftOutMessage {
  readonly type: '@handoff.leftOut';
  readonly counts: LeftOut;
}

/** The source of these actors was detached. */
export interface GoneMessage {
  readonly type: '@handoff.gone';
  readonly sessionIds: readonly string[];
}

/** The viewer was too slow and missed this many messages; the current state of every actor follows. */
export interface DroppedMessage {
  readonly type: '@handoff.dropped';
  readonly messages: number;
}

/** One route's traffic in one interval. */
export interface RouteStats {
  /** Connections that took this route. */
  readonly count: number;
  /** From the client's connect to its first reply, in milliseconds. Omitted if not measured. */
  readonly latencyMs?: { readonly p50: number; readonly p99: number } | undefined;
}

/** The routes of clients in one interval, reported by a broker about once a second. */
export interface RoutesMessage {
  readonly type: '@handoff.routes';
  /** The interval's end, milliseconds since 1970. */
  readonly at: number;
  /** The interval's length in milliseconds. */
  readonly intervalMs: number;
  readonly handedOff: RouteStats;
  readonly reconnected: RouteStats;
}

/** A message from the relay to a batched viewer. */
export type RelayMessage =
  | StatelyInspectionMessage
  | WelcomeMessage
  | DefinitionMessage
  | ForgottenMessage
  | LeftOutMessage
  | GoneMessage
  | DroppedMessage
  | RoutesMessage;
