import type { TakenTransition } from '../../messages/InspectionMessage';
import type { Step } from '../store/InspectedActor';
import { type Chart, type ChartTransition, transitionId } from './Chart';
import { configurationOf, stateWithId } from './configurationOf';
import { inferStep } from './inferStep';

/** The transitions of a step, for marking in the chart. */
export interface TakenInStep {
  readonly taken: ReadonlySet<string>;
  /** The transition that answered with a fallback, and the fallback's reason. */
  readonly answered: { readonly id: string; readonly reason: string } | undefined;
}

/** The transitions that a step took: as reported by the sender, otherwise those that were certainly taken. */
export function takenIn(chart: Chart, step: Step | undefined, before: Step | undefined): TakenInStep {
  if (!step) return { taken: new Set(), answered: undefined };
  const taken = step.transitions ? reported(chart, step.transitions) : inferred(chart, step, before);
  const { reason } = step.emitted.find(({ type }) => type === 'fallback') ?? { reason: undefined };
  const answering =
    typeof reason === 'string'
      ? (taken.find(({ guard }) => guard === reason) ?? taken.find(({ event }) => event === step.event.type))
      : undefined;
  return {
    taken: new Set(taken.map(({ id }) => id)),
    answered: answering && { id: answering.id, reason: String(reason) },
  };
}

function reported(chart: Chart, transitions: readonly TakenTransition[]): ChartTransition[] {
  return transitions.flatMap(({ source, event, index }) => {
    const state = stateWithId(chart, source);
    return (state && chart.transitions.get(transitionId(state.id, event, index))) ?? [];
  });
}

/** The transitions that were certainly taken. */
function inferred(chart: Chart, step: Step, before: Step | undefined): ChartTransition[] {
  if (!before) return [];
  const was = configurationOf(chart, before.snapshot);
  const { states } = configurationOf(chart, step.snapshot);
  return [...(inferStep(chart, was, step.event.type, states) ?? [])];
}
