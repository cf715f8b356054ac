import { BACKEND_HANDOFF_STATES, type StateWords } from '../../../../machines/vocabulary';

/** Selects a state's shape and colour; the colour alone never carries meaning. */
export type StateTone = StateWords['tone'] | 'ended' | 'other';

const WORDS: Readonly<Partial<Record<string, StateWords>>> = BACKEND_HANDOFF_STATES;

/** The tone of a state: its own for a backend's chart, `other` for all other charts. */
export function stateTone(state: string, gone: boolean): StateTone {
  return gone ? 'ended' : (WORDS[state]?.tone ?? 'other');
}
