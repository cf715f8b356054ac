import type { AnyActorRef, AnyTransitionDefinition, InspectionEvent } from 'xstate';
import { onRejection } from '../../errors/onRejection';
import { definitionText } from '../messages/definitionText';
import {
  INSPECTION_FORMAT_VERSION,
  type InspectedEvent,
  type RunningDelays,
} from '../messages/InspectionMessage';
import { plainSnapshot } from '../messages/plainSnapshot';
import { redact } from '../messages/redact';
import type { HubSource, InspectionHub } from './InspectionHub';
import type { InspectionSource } from './InspectionSource';
import { inspectedEvent, shownName } from './inspectedEvent';
import type { RelayedActor } from './RelayedActor';
import { takenTransitions } from './takenTransitions';
import { withoutPreempted } from './withoutPreempted';

/** Most emitted events that are shown of a step. */
const MAX_EMITTED = 100;

type InspectedEventEvent = InspectionEvent & { readonly type: '@xstate.event' };

interface ObservedActor {
  readonly ref: AnyActorRef;
  readonly relayed: RelayedActor;
  /** The snapshot after the last step, or microstep of the event that is being handled. */
  latest: unknown;
  /** Transitions since the last snapshot. */
  transitions: AnyTransitionDefinition[];
  emitted: unknown[];
}

/** Turns a source's inspection events into messages. Holds and observes nothing while there is no viewer. */
export class ObservedSource implements HubSource {
  readonly #actors = new Map<string, ObservedActor>();
  /** Definitions as text, created once for each chart. */
  readonly #definitions = new WeakMap<object, string>();
  #subscription: { unsubscribe(): void } | undefined;

  constructor(
    private readonly source: InspectionSource,
    private readonly hub: InspectionHub,
  ) {}

  watch(): void {
    try {
      this.#subscription = this.source.inspect({ next: (event) => this.#guarded(() => this.#next(event)) });
      onRejection(this.#subscription, () => this.hub.leaveOut('unreadable'));
    } catch {
      // The source was disposed of. It may have told of actors before.
      this.unwatch();
      this.hub.removeSource(this);
    }
  }

  unwatch(): void {
    try {
      onRejection(this.#subscription?.unsubscribe(), () => {});
    } catch {
      // Nobody is left to report the error to.
    }
    this.#subscription = undefined;
    this.hub.removeActors([...this.#actors.keys()]);
    this.#actors.clear();
  }

  /** Errors in reading an actor must not reach the app that it belongs to. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch {
      this.hub.leaveOut('unreadable');
    }
  }

  #next(event: InspectionEvent): void {
    const ref = event.actorRef as AnyActorRef;
    const { sessionId } = ref;
    const { rootId } = event;
    const base = { sessionId, rootId, id: null, _version: INSPECTION_FORMAT_VERSION };
    if (event.type === '@xstate.actor') {
      this.#add(ref, rootId);
      return;
    }
    const actor = this.#actors.get(sessionId);
    if (!actor) return;
    switch (event.type) {
      case '@xstate.event': {
        const createdAt = String(Date.now());
        const sourceId = event.sourceRef?.sessionId;
        this.hub.tell(() => ({
          ...base,
          type: '@xstate.event',
          createdAt,
          sourceId,
          event: inspectedEvent(event.event, logicOf(ref)),
        }));
        queueMicrotask(() => this.#guarded(() => this.#endIfFailed(actor, event)));
        return;
      }
      case '@xstate.microstep':
        actor.transitions.push(...withoutPreempted(event._transitions, actor.latest));
        actor.latest = event.snapshot;
        return;
      case '@xstate.action': {
        const { type, params } = event.action;
        if (type === 'xstate.emit') actor.emitted.push((params as { readonly event: unknown }).event);
        return;
      }
      case '@xstate.snapshot': {
        const createdAt = String(Date.now());
        const { transitions, emitted } = actor;
        const { snapshot } = event;
        actor.latest = snapshot;
        actor.transitions = [];
        actor.emitted = [];
        this.hub.tell(() => ({
          ...base,
          type: '@xstate.snapshot',
          createdAt,
          event: inspectedEvent(event.event, logicOf(ref)),
          snapshot: plainSnapshot(snapshot) ?? {},
          transitions: safely(() => takenTransitions(transitions)),
          emitted: emitted.slice(0, MAX_EMITTED).map((each) => redact(each) as InspectedEvent),
          delays: this.#delaysOf(ref),
        }));
        if (snapshot.status !== 'active') {
          this.#actors.delete(sessionId);
          this.hub.removeActor(sessionId);
        }
      }
    }
  }

  /** XState sends no snapshot of an actor that throws. */
  #endIfFailed(actor: ObservedActor, { rootId, event }: InspectedEventEvent): void {
    const { ref } = actor;
    const { sessionId } = ref;
    const snapshot: unknown = safely(() => ref.getSnapshot());
    const { status } = (snapshot ?? {}) as { readonly status?: unknown };
    if (status !== 'error' || this.#actors.get(sessionId) !== actor) return;
    const createdAt = String(Date.now());
    const { transitions } = actor;
    this.hub.tell(() => ({
      ...{ type: '@xstate.snapshot', sessionId, rootId, createdAt, id: null },
      _version: INSPECTION_FORMAT_VERSION,
      event: inspectedEvent(event, logicOf(ref)),
      snapshot: plainSnapshot(snapshot) ?? {},
      transitions: safely(() => takenTransitions(transitions)),
    }));
    this.#actors.delete(sessionId);
    this.hub.removeActor(sessionId);
  }

  #add(ref: AnyActorRef, rootId: string): void {
    const actor: ObservedActor = {
      ref,
      // XState tells of an actor before it has a snapshot.
      latest: safely(() => ref.getSnapshot()),
      transitions: [],
      emitted: [],
      relayed: {
        name: nameOf(ref),
        sessionId: ref.sessionId,
        rootId,
        parentId: ref._parent?.sessionId,
        createdAt: String(Date.now()),
        definition: this.#definitionOf(ref),
        characters: 0,
        snapshot: () => plainSnapshot(actor.latest),
        delays: () => this.#delaysOf(ref),
      },
    };
    this.#actors.set(ref.sessionId, actor);
    this.hub.addActor(actor.relayed);
  }

  #delaysOf(ref: AnyActorRef): RunningDelays | undefined {
    try {
      const delays = this.source.delaysOf?.(ref);
      onRejection(delays, () => {});
      return delays;
    } catch {
      return undefined;
    }
  }

  #definitionOf(ref: AnyActorRef): string | undefined {
    const logic = logicOf(ref);
    const config = logic && 'config' in logic ? logic.config : undefined;
    if (logic === undefined || typeof config !== 'object' || config === null || !('states' in config))
      return undefined;
    const text = this.#definitions.get(logic) ?? definitionText(config);
    this.#definitions.set(logic, text);
    return text;
  }
}

function logicOf(ref: AnyActorRef): object | undefined {
  const { logic } = ref as { readonly logic?: unknown };
  return typeof logic === 'object' && logic !== null ? logic : undefined;
}

/** For an actor without an id of its own, the id of its chart. */
function nameOf(ref: AnyActorRef): string {
  const logic = logicOf(ref);
  const isUnnamed = ref.id === ref.sessionId && logic !== undefined;
  return shownName(isUnnamed && 'id' in logic && typeof logic.id === 'string' ? logic.id : ref.id);
}

/** Additional data comes from internal fields of XState, which may change: without it the message is still sent. */
function safely<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
