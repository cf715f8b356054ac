import type { LeftOut } from './LeftOut';

/**
 * What goes over the wire: the messages of `@statelyai/inspect`, with fields of our own that its other readers ignore,
 * and a few messages of our own. Types only, shared by the relay and the page.
 */

/** The version of `@statelyai/inspect` whose format this is. */
export const INSPECTION_FORMAT_VERSION = '0.7.2';

/** Asked for in the relay's WebSocket address: messages come as JSON arrays, and each definition is sent once. */
export const BATCHED_QUERY = 'batched';

/** Anything with a type: an event of an actor. */
export interface InspectedEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** An actor's snapshot. `value` and `context` are a state machine's. */
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

/** A transition that was taken within a step. */
export interface TakenTransition {
  /** The id of the state node that declares it. */
  readonly source: string;
  /** The event's type; empty for an eventless transition. */
  readonly event: string;
  /** Its place among the source's transitions for that event, from 0. */
  readonly index: number;
  /** A readable guard, if it has one. */
  readonly guard?: string | undefined;
  /** The ids of its targets; empty for a transition that stays where it is. */
  readonly targets: readonly string[];
}

/** When running delays end: milliseconds since 1970, by the name of the delay. */
export type RunningDelays = Readonly<Record<string, number>>;

/** An actor lives. */
export interface ActorMessage extends StatelyMessage {
  readonly type: '@xstate.actor';
  readonly name: string;
  readonly parentId?: string | undefined;
  /** The machine's config as JSON. */
  readonly definition?: string | undefined;
  readonly snapshot?: InspectedSnapshot | undefined;
  /** Ours: stands for the definition of the `DefinitionMessage` with this key. */
  readonly definitionKey?: number | undefined;
  /** Ours. */
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
  /** Ours: what was taken, in order. Left out where the sender doesn't tell. */
  readonly transitions?: readonly TakenTransition[] | undefined;
  /** Ours: the events that the actor emitted. */
  readonly emitted?: readonly InspectedEvent[] | undefined;
  /** Ours. */
  readonly delays?: RunningDelays | undefined;
}

/** What `@statelyai/inspect` sends. */
export type StatelyInspectionMessage = ActorMessage | EventMessage | SnapshotMessage;

/** The first message to a batched viewer. */
export interface WelcomeMessage {
  readonly type: '@handoff.welcome';
  /** Another id means another relay: nothing that was received before holds. */
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

/** Nobody follows these charts any more, and their keys will not be used again. */
export interface ForgottenMessage {
  readonly type: '@handoff.forgotten';
  readonly keys: readonly number[];
}

/** What the relay didn't pass on, since its start: what senders sent, and who could not be served. */
export interface LeftOutMessage {
  readonly type: '@handoff.leftOut';
  readonly counts: LeftOut;
}

/** The actors' source is no longer watched. */
export interface GoneMessage {
  readonly type: '@handoff.gone';
  readonly sessionIds: readonly string[];
}

/** The viewer was too slow: this many messages were left out, and the present state of every actor follows. */
export interface DroppedMessage {
  readonly type: '@handoff.dropped';
  readonly messages: number;
}

/** One route's traffic in one interval. */
export interface RouteStats {
  /** Connections that took this route. */
  readonly count: number;
  /** From the client's connect to its first reply, in milliseconds. Left out if none was measured. */
  readonly latencyMs?: { readonly p50: number; readonly p99: number } | undefined;
}

/** How clients got to backends in one interval. A broker reports it, about once a second. */
export interface RoutesMessage {
  readonly type: '@handoff.routes';
  /** The interval's end, milliseconds since 1970. */
  readonly at: number;
  /** The interval's length in milliseconds. */
  readonly intervalMs: number;
  readonly handedOff: RouteStats;
  readonly reconnected: RouteStats;
}

/** What the relay sends to a batched viewer. */
export type RelayMessage =
  | StatelyInspectionMessage
  | WelcomeMessage
  | DefinitionMessage
  | ForgottenMessage
  | LeftOutMessage
  | GoneMessage
  | DroppedMessage
  | RoutesMessage;
