import type { AnyTransitionDefinition } from 'xstate';
import { guardText } from '../messages/definitionText';
import type { TakenTransition } from '../messages/InspectionMessage';

/** The given transitions, identified by their place in the chart's definition. */
export function takenTransitions(transitions: readonly AnyTransitionDefinition[]): TakenTransition[] {
  return transitions.map((transition) => {
    const { source, eventType, guard, target } = transition;
    const siblings = eventType === '' ? source.always : source.transitions.get(eventType);
    return {
      source: source.id,
      event: eventType,
      index: Math.max(0, siblings?.indexOf(transition) ?? 0),
      guard: guard === undefined ? undefined : guardText(guard),
      targets: target?.map(({ id }) => id) ?? [],
    };
  });
}
