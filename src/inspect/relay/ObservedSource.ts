import type { AnyActorRef, AnyTransitionDefinition, InspectionEvent } from 'xstate';
import { definitionText } from '../messages/definitionText';
import {
  INSPECTION_FORMAT_VERSION,
  type InspectedEvent,
  type TakenTransition,
} from '../messages/InspectionMessage';
import { plainSnapshot } from '../messages/plainSnapshot';
import { redact } from '../messages/redact';
import type { HubSource, InspectionHub } from './InspectionHub';
import type { InspectionSource } from './InspectionSource';
import { inspectedEvent } from './inspectedEvent';
import type { RelayedActor } from './RelayedActor';
import { takenTransitions } from './takenTransitions';

interface ObservedActor {
  readonly ref: AnyActorRef;
  readonly relayed: RelayedActor;
  latest: unknown;
  /** Since the last snapshot. */
  transitions: AnyTransitionDefinition[];
  emitted: unknown[];
}

/** Turns what a source's observer hears into messages. Holds nothing, and observes nothing, while nobody watches. */
export class ObservedSource implements HubSource {
  readonly #actors = new Map<string, ObservedActor>();
  /** A chart's text is made once, however many actors follow it. */
  readonly #definitions = new WeakMap<object, string>();
  #subscription: { unsubscribe(): void } | undefined;

  constructor(
    private readonly source: InspectionSource,
    private readonly hub: InspectionHub,
  ) {}

  watch(): void {
    try {
      this.#subscription = this.source.inspect({ next: (event) => this.#observe(event) });
    } catch {
      // Disposed of in the meantime: there is nothing to watch any more.
      this.hub.removeSource(this);
    }
  }

  unwatch(): void {
    try {
      this.#subscription?.unsubscribe();
    } catch {
      // Who watched has gone, and can't be told.
    }
    this.#subscription = undefined;
    this.hub.removeActors([...this.#actors.keys()]);
    this.#actors.clear();
  }

  /** What is odd about an actor must not fail the app that it belongs to. */
  #observe(event: InspectionEvent): void {
    try {
      this.#next(event);
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
        return;
      }
      case '@xstate.microstep':
        actor.transitions.push(...event._transitions);
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
          emitted: redact(emitted) as InspectedEvent[],
          delays: this.source.delaysOf?.(ref),
        }));
        if (snapshot.status !== 'active') {
          this.#actors.delete(sessionId);
          this.hub.removeActor(sessionId);
        }
      }
    }
  }

  #add(ref: AnyActorRef, rootId: string): void {
    const actor: ObservedActor = {
      ref,
      latest: ref.getSnapshot(),
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
        delays: () => this.source.delaysOf?.(ref),
      },
    };
    this.#actors.set(ref.sessionId, actor);
    this.hub.addActor(actor.relayed);
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

/** An actor without an id of its own is best told by its chart. */
function nameOf(ref: AnyActorRef): string {
  const logic = logicOf(ref);
  if (ref.id !== ref.sessionId || logic === undefined) return ref.id;
  return 'id' in logic && typeof logic.id === 'string' ? logic.id : ref.id;
}

/** What is beside the protocol, and read from fields that XState might change, must not break it. */
function safely(make: () => TakenTransition[]): TakenTransition[] | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
