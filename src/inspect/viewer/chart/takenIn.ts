import type { Step } from '../store/InspectedActor';
import { activeStates } from './activeStates';
import { type Chart, type ChartTransition, transitionId } from './Chart';

/** The transitions of a step, for marking in the chart. */
export interface TakenInStep {
  readonly taken: ReadonlySet<string>;
  /** The transition that answered with a fallback, and the fallback's reason. */
  readonly answered: { readonly id: string; readonly reason: string } | undefined;
}

/** The transitions that a step took: as reported by the sender, otherwise inferred if unambiguous. */
export function takenIn(chart: Chart, step: Step | undefined, before: Step | undefined): TakenInStep {
  if (!step) return { taken: new Set(), answered: undefined };
  const taken = (
    step.transitions?.map(({ source, event, index }) => transitionId(source, event, index)) ??
    infer(chart, step, before).map(({ id }) => id)
  ).flatMap((id) => chart.transitions.get(id) ?? []);
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

/** The transition for the event between the states active before and after; none if several are possible. */
function infer(chart: Chart, step: Step, before: Step | undefined): ChartTransition[] {
  if (!before) return [];
  const was = activeStates(chart, before.snapshot?.value);
  const is = activeStates(chart, step.snapshot?.value);
  const candidates = [...chart.transitions.values()].filter(
    ({ event, source, targets }) =>
      (event === step.event.type || event === '*') &&
      was.has(source) &&
      targets.every((target) => is.has(target)),
  );
  const moving = candidates.filter(({ targets }) => targets.some((target) => !was.has(target)));
  const [only, ...others] = moving.length > 0 ? moving : candidates;
  return only && others.length === 0 ? [only] : [];
}
