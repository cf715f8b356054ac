import type { AnyActorRef, InspectionEvent, Observer } from 'xstate';
import type { InspectionSource } from './InspectionSource';
import { isRunning } from './isRunning';

/** Whether a source is an actor's `system`. */
export function isSystem(source: object): source is AnyActorRef['system'] {
  return 'getAll' in source && '_relay' in source && 'inspect' in source;
}

/** Whether a source is an actor, whose whole system is meant. */
export function isActor(source: object): source is AnyActorRef {
  return 'system' in source && 'sessionId' in source && 'getSnapshot' in source;
}

/**
 * The actors of a system. XState doesn't tell which run already: those are found from the given actor, from actors with a
 * `systemId` or a running delay, and otherwise at the system's next event.
 */
export function systemSource(system: AnyActorRef['system'], given?: AnyActorRef): InspectionSource {
  return {
    inspect(observer: Observer<InspectionEvent>) {
      const told = new WeakSet<AnyActorRef>();
      const tell = (actorRef: AnyActorRef, rootId: string): void => {
        if (told.has(actorRef) || !isRunning(actorRef)) return;
        told.add(actorRef);
        observer.next?.({ type: '@xstate.actor', actorRef, rootId });
        for (const child of childrenOf(actorRef)) tell(child, rootId);
      };
      const tellAll = (ref: AnyActorRef): void => {
        const root = rootOf(ref);
        tell(root, root.sessionId);
        // An actor may have been created by another one that has no list of children.
        tell(ref, root.sessionId);
      };
      // XState calls this while it handles an event: an actor that can't be read must not end that.
      const tryToTell = (ref: AnyActorRef): void => {
        try {
          tellAll(ref);
        } catch {
          told.add(ref);
        }
      };
      for (const ref of [...(given ? [given] : []), ...known(system)]) tryToTell(ref);
      return system.inspect((event: InspectionEvent) => {
        const ref = event.actorRef as AnyActorRef;
        if (event.type === '@xstate.actor') told.add(ref);
        else if (!told.has(ref)) tryToTell(ref);
        observer.next?.(event);
      });
    },
  };
}

function known(system: AnyActorRef['system']): AnyActorRef[] {
  const keyed: object = system.getAll();
  const scheduled: object = system.getSnapshot()._scheduledEvents;
  return [...Object.values(keyed), ...Object.values(scheduled).map(({ source }) => source)].filter(
    (ref) => ref !== undefined,
  );
}

function rootOf(ref: AnyActorRef): AnyActorRef {
  return ref._parent === undefined ? ref : rootOf(ref._parent);
}

function childrenOf(ref: AnyActorRef): AnyActorRef[] {
  try {
    const { children } = ref.getSnapshot() as { readonly children?: Record<string, unknown> };
    return Object.values(children ?? {}).filter(
      (child) => typeof child === 'object' && child !== null && isActor(child),
    );
  } catch {
    return [];
  }
}
