import { BACKEND_HANDOFF_STATES, type StateWords } from '../../../../machines/vocabulary';

/** How a state is told apart: a shape and a colour, never the colour alone. */
export type StateTone = StateWords['tone'] | 'ended' | 'other';

const WORDS: Readonly<Partial<Record<string, StateWords>>> = BACKEND_HANDOFF_STATES;

/** States of a backend's chart have a tone of their own; those of other charts share one. */
export function stateTone(state: string, gone: boolean): StateTone {
  return gone ? 'ended' : (WORDS[state]?.tone ?? 'other');
}
