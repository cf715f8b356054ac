import type { AnyStateMachine, EventObject, StateNode } from 'xstate';

/**
 * The event that XState sends after a chart's named delay. It's missing in the types of the chart's events.
 *
 * @throws {Error} the chart has no delayed transition with this delay, or one in more than one state.
 */
export function delayedEvent<Machine extends AnyStateMachine>(
  machine: Machine,
  delay: Extract<keyof Machine['implementations']['delays'], string>,
): EventObject {
  const types = new Set(delayedEventTypes(machine.root, delay));
  const [type] = types;
  if (type === undefined || types.size > 1) {
    throw new Error(`${machine.id} has ${types.size} states with the delay ${delay}, not one`);
  }
  return { type };
}

function* delayedEventTypes(node: StateNode, delay: string): Iterable<string> {
  for (const transition of node.after) {
    if (transition.delay === delay) yield transition.eventType;
  }
  for (const child of Object.values(node.states)) yield* delayedEventTypes(child, delay);
}
