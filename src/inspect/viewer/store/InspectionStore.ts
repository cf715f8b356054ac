import type {
  ActorMessage,
  EventMessage,
  InspectedSnapshot,
  RelayMessage,
  RoutesMessage,
  SnapshotMessage,
} from '../../messages/InspectionMessage';
import type { LeftOut } from '../../messages/LeftOut';
import { DecisionLog } from './DecisionLog';
import { isOpenersActor } from './fromOpener';
import { InspectedActor, type Step } from './InspectedActor';
import { Ring } from './Ring';

const MAX_ROUTE_REPORTS = 180;

/** Most ended actors that are still shown. */
const MAX_GONE = 300;

/** The received data, as far as it's kept. */
export class InspectionStore {
  readonly actors = new Map<string, InspectedActor>();
  readonly decisions = new DecisionLog();
  readonly routes = new Ring<RoutesMessage>(MAX_ROUTE_REPORTS);
  /** Incremented with each change. */
  version = 0;
  /** The number of the last step. */
  seq = 0;
  /** Number of messages that this page missed because it was too slow. */
  missed = 0;
  /** Messages and connections that the relay has refused since its start. */
  leftOut: LeftOut = {};
  /** The relay's clock minus this machine's, in milliseconds. */
  clockOffsetMs = 0;
  #holding = false;
  #relayId: string | undefined;
  #gone: InspectedActor[] = [];
  readonly #definitions = new Map<number, string>();
  /** Event messages whose snapshot hasn't arrived yet, by the receiving actor's session id. */
  readonly #sources = new Map<string, EventMessage>();

  /** Milliseconds since 1970, by the relay's clock. */
  now(): number {
    return Date.now() + this.clockOffsetMs;
  }

  receive(message: RelayMessage): void {
    this.version++;
    switch (message.type) {
      case '@handoff.welcome':
        this.clockOffsetMs = message.now - Date.now();
        // The relay sends every running actor again; the others have ended.
        for (const actor of this.actors.values()) if (!isOpenersActor(actor.sessionId)) actor.gone = true;
        if (this.#relayId !== message.relayId) this.#clear();
        this.#relayId = message.relayId;
        return;
      case '@handoff.definition':
        this.#definitions.set(message.key, message.definition);
        return;
      case '@handoff.forgotten':
        for (const key of message.keys) this.#definitions.delete(key);
        return;
      case '@handoff.leftOut':
        this.leftOut = message.counts;
        return;
      case '@handoff.gone':
        for (const sessionId of message.sessionIds) this.#end(sessionId);
        return;
      case '@handoff.dropped':
        this.missed += message.messages;
        return;
      case '@handoff.routes':
        if (message.at > (this.routes.last()?.at ?? 0)) this.routes.push(message);
        return;
      case '@xstate.actor':
        this.#receiveActor(message);
        return;
      case '@xstate.event':
        this.#sources.set(message.sessionId, message);
        return;
      case '@xstate.snapshot':
        this.#receiveSnapshot(message);
        return;
    }
  }

  /** While `holding`, newer steps don't replace the present ones. */
  hold(holding: boolean): void {
    this.#holding = holding;
    if (!holding) for (const actor of this.actors.values()) actor.release();
  }

  /** Keeps the opener's actors, which are sent only once. */
  #clear(): void {
    for (const sessionId of this.actors.keys()) {
      if (!isOpenersActor(sessionId)) this.actors.delete(sessionId);
    }
    this.#gone = this.#gone.filter(({ sessionId }) => isOpenersActor(sessionId));
    this.decisions.clear();
    this.routes.clear();
    this.#definitions.clear();
    this.#sources.clear();
    this.missed = 0;
    this.leftOut = {};
  }

  #receiveActor(message: ActorMessage): void {
    const known = this.actors.get(message.sessionId);
    const actor = known ?? new InspectedActor(message.sessionId, message.name, Number(message.createdAt));
    actor.name = message.name;
    actor.parentId = message.parentId;
    actor.gone = false;
    actor.failure = undefined;
    actor.definition =
      message.definitionKey === undefined ? message.definition : this.#definitions.get(message.definitionKey);
    this.actors.set(message.sessionId, actor);
    const { status } = message.snapshot ?? {};
    if (status !== undefined && status !== 'active') this.#end(message.sessionId, message.snapshot);
    // Only its name changed, or nothing happened while this page was disconnected.
    if (known && isSame(known.latest?.snapshot, message.snapshot)) return;
    this.#add(actor, {
      at: Number(message.createdAt),
      event: { type: known ? 'resynced' : 'xstate.init' },
      sourceId: undefined,
      snapshot: message.snapshot,
      transitions: undefined,
      emitted: [],
      delays: message.delays,
    });
  }

  #receiveSnapshot(message: SnapshotMessage): void {
    const { sessionId, event, snapshot, transitions, emitted = [], delays } = message;
    const at = Number(message.createdAt);
    const actor = this.actors.get(sessionId) ?? new InspectedActor(sessionId, sessionId, at);
    this.actors.set(sessionId, actor);
    const source = this.#sources.get(sessionId);
    this.#sources.delete(sessionId);
    this.#add(actor, { at, event, sourceId: source?.sourceId, snapshot, transitions, emitted, delays });
    for (const { type, reason } of emitted) {
      if (type === 'attempt') this.decisions.add(at, 'attempt');
      else if (type === 'fallback' && typeof reason === 'string') this.decisions.add(at, reason);
    }
    if (snapshot.status !== undefined && snapshot.status !== 'active') this.#end(sessionId, snapshot);
  }

  #add(actor: InspectedActor, step: Omit<Step, 'seq' | 'sessionId'>): void {
    const added = { ...step, seq: ++this.seq, sessionId: actor.sessionId };
    // Show an actor's arrival and its first snapshot as one step.
    if (step.event.type === 'xstate.init' && actor.latest?.event.type === 'xstate.init') {
      actor.replaceLatest(added);
    } else actor.add(added, this.#holding);
  }

  #end(sessionId: string, { status, error }: InspectedSnapshot = {}): void {
    const actor = this.actors.get(sessionId);
    if (!actor) return;
    if (status === 'error') actor.failure ??= { error };
    if (actor.gone) return;
    actor.gone = true;
    this.#gone.push(actor);
    // Bounded: an app may start and end an actor for each job.
    const oldest = this.#gone.length > MAX_GONE ? this.#gone.shift() : undefined;
    if (oldest?.gone && this.actors.get(oldest.sessionId) === oldest) this.actors.delete(oldest.sessionId);
  }
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
