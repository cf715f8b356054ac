import type { JSX } from 'preact';
import type { StateTone } from './stateTone';

const SHAPES: Readonly<Record<StateTone, JSX.Element>> = {
  calm: <circle cx="8" cy="8" r="4.6" fill="none" stroke="currentColor" stroke-width="2" />,
  busy: <path d="M4 3.2v9.6L13 8z" fill="currentColor" />,
  held: <path d="M3.5 3h3.4v10H3.5zM9.1 3h3.4v10H9.1z" fill="currentColor" />,
  foreign: <path d="M8 2.2 13.8 8 8 13.8 2.2 8z" fill="currentColor" />,
  ended: <path d="m4 4 8 8m0-8-8 8" stroke="currentColor" stroke-width="2" stroke-linecap="round" />,
  other: <rect x="4" y="4" width="8" height="8" rx="2" fill="currentColor" />,
};

/** The shape of a state's tone. */
export function StateMark({ tone }: { readonly tone: StateTone }) {
  return (
    <svg class={`mark tone-${tone}`} viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      {SHAPES[tone]}
    </svg>
  );
}
