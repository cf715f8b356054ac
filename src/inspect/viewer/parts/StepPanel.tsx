import { useMemo, useState } from 'preact/hooks';
import { activeKeys } from '../store/activeKeys';
import type { Step } from '../store/InspectedActor';
import type { ViewerState } from '../store/ViewerState';
import { formatTime } from './formatTime';
import { VirtualListbox } from './VirtualListbox';

const ROW_HEIGHT = 40;

/** The events of the selected actor, newest first. Selecting one pauses the page at that moment. */
export function StepPanel({ state }: { readonly state: ViewerState }) {
  const [search, setSearch] = useState('');
  const { selected: actor, seq, store } = state;
  const latest = actor?.latest?.seq ?? 0;
  // The latest step's number identifies the list: steps are only added.
  const steps = useMemo(() => {
    const text = search.trim().toLowerCase();
    const all = actor?.steps().toReversed() ?? [];
    return text === '' ? all : all.filter((step) => searchText(step).includes(text));
  }, [actor, latest, search]);
  const shown = actor?.stepAt(seq);
  return (
    <section class="panel steps" aria-labelledby="steps-title">
      <header class="panel-head">
        <h2 id="steps-title">
          Events <span class="count">{steps.length}</span>
        </h2>
        <input
          type="search"
          placeholder="Search events"
          aria-label="Search events"
          value={search}
          onInput={({ currentTarget }) => setSearch(currentTarget.value)}
        />
      </header>
      <VirtualListbox
        id="step"
        label="Events, newest first"
        items={steps}
        rowHeight={ROW_HEIGHT}
        keyOf={(step) => step.seq}
        selected={shown ? steps.indexOf(shown) : -1}
        onSelect={(step) => state.goTo(step)}
        render={(step) => (
          <StepRow
            step={step}
            before={actor?.stepAt(step.seq - 1)}
            sourceName={step.sourceId === undefined ? undefined : store.actors.get(step.sourceId)?.name}
          />
        )}
        empty={search === '' ? 'Nothing has happened yet.' : 'No event matches.'}
        follow
      />
    </section>
  );
}

interface StepRowProps {
  readonly step: Step;
  readonly before: Step | undefined;
  readonly sourceName: string | undefined;
}

function StepRow({ step, before, sourceName }: StepRowProps) {
  const answer = step.emitted.find(({ type }) => type === 'attempt' || type === 'fallback');
  const moves = changedStates(before, step);
  return (
    <>
      <time class="step-time">{formatTime(step.at)}</time>
      <span class="step-event">{eventName(step)}</span>
      <span class="step-moves">
        {moves.length > 0 ? moves.join(' · ') : sourceName !== undefined ? `from ${sourceName}` : ''}
      </span>
      {answer && (
        <span class={`step-answer ${answer.type}`}>
          {answer.type === 'attempt' ? 'attempt' : String(answer.reason)}
        </span>
      )}
    </>
  );
}

/** Shortens XState's names of delayed events. */
function eventName({ event: { type } }: Step): string {
  const after = /^xstate\.after\.(.+?)\.(?:[^.]+\.)*[^.]+$/.exec(type);
  return after ? `after ${after[1]}` : type;
}

/** The active states that changed: the region's state before and after, or the path of a new region. */
function changedStates(before: Step | undefined, step: Step): readonly string[] {
  const is = activeKeys(step.snapshot?.value);
  if (!before) return is.map((keys) => keys.join('.'));
  const was = activeKeys(before.snapshot?.value);
  return is.flatMap((keys, index) => {
    const earlier = was[index];
    if (earlier === undefined) return [keys.join('.')];
    return isSame(earlier, keys) ? [] : [`${earlier.at(-1)} → ${keys.at(-1)}`];
  });
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((key, index) => key === other[index]);
}

function searchText(step: Step): string {
  const { event, emitted, snapshot } = step;
  return JSON.stringify([event, emitted, snapshot?.value]).toLowerCase();
}
