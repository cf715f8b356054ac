/** How a state is told apart: a shape and a colour, never the colour alone. */
export type StateTone = 'calm' | 'busy' | 'held' | 'foreign' | 'ended' | 'other';

const TONES: Readonly<Record<string, StateTone>> = {
  idle: 'calm',
  attempting: 'busy',
  rateLimited: 'held',
  adopted: 'foreign',
};

/** States of a backend's chart have a tone of their own; those of other charts share one. */
export function stateTone(state: string, gone: boolean): StateTone {
  return gone ? 'ended' : (TONES[state] ?? 'other');
}
