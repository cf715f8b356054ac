import { createActor, type InspectionEvent } from 'xstate';
import {
  type BackendHandoffEvent,
  type BackendHandoffSnapshot,
  backendHandoff,
} from '../../machines/backendHandoff';
import { INERT_CLOCK } from './inertClock';

/** The chart's actions that answer an event. */
const ANSWERS: ReadonlySet<string> = new Set<keyof typeof backendHandoff.implementations.actions>([
  'answerAttempt',
  'answerFallback',
]);

/** The chart's description of the transition that answers an event in a state; undefined if there is none. */
export function answeringDescription(
  snapshot: BackendHandoffSnapshot,
  event: BackendHandoffEvent,
): string | undefined {
  let description: string | undefined;
  const inspect = (inspected: InspectionEvent): void => {
    if (inspected.type !== '@xstate.microstep') return;
    const answering = inspected._transitions.find(({ actions }) =>
      actions.some((action) => ANSWERS.has(String(typeof action === 'object' ? action.type : action))),
    );
    description ??= answering?.description;
  };
  const input = snapshot.context;
  const actor = createActor(backendHandoff, { input, snapshot, clock: INERT_CLOCK, inspect }).start();
  actor.send(event);
  return description;
}
