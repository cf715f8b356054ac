import { useMemo, useState } from 'preact/hooks';
import { BACKEND_HANDOFF_STATES } from '../../../../machines/vocabulary';
import { type ActorView, viewActor } from '../store/ActorView';
import type { ViewerState } from '../store/ViewerState';
import { formatRemaining } from './formatTime';
import { StateMark } from './StateMark';
import { stateTone } from './stateTone';
import { VirtualListbox } from './VirtualListbox';

const ROW_HEIGHT = 54;

/** Interval of sorting: thousands of actors are sorted only a few times a second. */
const SORT_INTERVAL_MS = 400;

type SortKey = 'name' | 'state' | 'failures' | 'retry' | 'activity';

const SORTS: Readonly<Record<SortKey, string>> = {
  name: 'Name',
  state: 'State',
  failures: 'Most failures',
  retry: 'Soonest retry',
  activity: 'Last event',
};

const STATE_ORDER = Object.keys(BACKEND_HANDOFF_STATES);

/** The list of actors with their states, failures and countdowns. */
export function ActorPanel({ state }: { readonly state: ViewerState }) {
  const [search, setSearch] = useState('');
  const [filter, setFilter] = useState<string>();
  const [sort, setSort] = useState<SortKey>('name');
  const { seq, now, store } = state;
  const moment = state.paused ? seq : Math.floor(Date.now() / SORT_INTERVAL_MS);
  // `moment` limits the updates to the interval.
  const views = useMemo(
    () => [...store.actors.values()].flatMap((actor) => viewActor(actor, seq) ?? []),
    [store, moment, store.actors.size],
  );
  const hasBackends = useMemo(() => views.some(({ failures }) => failures), [views]);
  const counts = useMemo(() => {
    // Show the filters for backends always, so that they don't move, and an active filter even if nothing matches, so that it
    // can be removed.
    const always = [...(hasBackends ? STATE_ORDER : []), ...(filter === undefined ? [] : [filter])];
    return countByState(views, always);
  }, [views, hasBackends, filter]);
  const shown = useMemo(() => {
    const text = search.trim().toLowerCase();
    return views
      .filter(({ actor, state: name, gone }) => {
        if (filter !== undefined && (gone ? 'ended' : name) !== filter) return false;
        return text === '' || actor.name.toLowerCase().includes(text) || name.toLowerCase().includes(text);
      })
      .sort(comparer(sort));
  }, [views, search, filter, sort]);
  const { selected } = state;
  const noun = views.every(({ failures }) => failures) ? 'Backends' : 'Actors';
  return (
    <section class="panel actors" aria-labelledby="actors-title">
      <header class="panel-head">
        <h2 id="actors-title">
          {noun} <span class="count">{store.actors.size.toLocaleString('en')}</span>
        </h2>
        <label class="sort">
          <span class="hidden">Sort by</span>
          <select value={sort} onChange={({ currentTarget }) => setSort(currentTarget.value as SortKey)}>
            {Object.entries(SORTS).map(([key, text]) => (
              <option key={key} value={key}>
                {text}
              </option>
            ))}
          </select>
        </label>
      </header>
      <div class="actor-filters">
        <input
          type="search"
          id="actor-search"
          placeholder={`Search ${noun.toLowerCase()}  ( / )`}
          aria-label={`Search ${noun.toLowerCase()}`}
          value={search}
          onInput={({ currentTarget }) => setSearch(currentTarget.value)}
        />
        <fieldset class="chips" aria-label="Filter by state">
          {counts.map(([name, count]) => (
            <button
              type="button"
              key={name}
              class="chip"
              aria-pressed={filter === name}
              onClick={() => setFilter(filter === name ? undefined : name)}
            >
              <StateMark tone={stateTone(name, name === 'ended')} />
              {name} <b>{count.toLocaleString('en')}</b>
            </button>
          ))}
        </fieldset>
      </div>
      <VirtualListbox
        id="actor"
        label={noun}
        items={shown}
        rowHeight={ROW_HEIGHT}
        keyOf={({ actor }) => actor.sessionId}
        selected={shown.findIndex(({ actor }) => actor === selected)}
        onSelect={({ actor }) => state.select(actor)}
        render={({ actor }) => <ActorRow view={viewActor(actor, seq)} now={now} />}
        empty={views.length === 0 ? 'No actors yet.' : 'Nothing matches.'}
      />
    </section>
  );
}

function ActorRow({ view, now }: { readonly view: ActorView | undefined; readonly now: number }) {
  if (!view) return null;
  const { actor, state, otherStates, failures, countdown, gone } = view;
  const tone = stateTone(state, gone);
  const running = countdown && !gone ? countdown : undefined;
  return (
    <>
      <span class="actor-name" title={actor.name}>
        {actor.name}
      </span>
      <span class={`actor-state tone-${tone}`}>
        <StateMark tone={tone} />
        {gone ? (actor.failure ? 'failed' : 'ended') : state}
      </span>
      <span class="actor-facts">
        {failures ? <Failures {...failures} /> : <span class="other-states">{otherStates.join(' · ')}</span>}
      </span>
      <span class="actor-time">
        {running && (
          <>
            {state === 'rateLimited' ? 'retry in ' : 'window '}
            <time class="countdown">{formatRemaining(running.dueAt - now)}</time>
          </>
        )}
      </span>
    </>
  );
}

function Failures({ count, max }: { readonly count: number; readonly max: number }) {
  const part = max === 0 ? 0 : count / max;
  return (
    <span class="failures">
      <svg viewBox="0 0 48 6" width="48" height="6" aria-hidden="true" class={part >= 1 ? 'full' : ''}>
        <rect class="meter-ground" width="48" height="6" rx="3" />
        {part > 0 && <rect class="meter-value" width={Math.max(4, 48 * part)} height="6" rx="3" />}
      </svg>
      {count} of {max} failed
    </span>
  );
}

function countByState(views: readonly ActorView[], always: readonly string[]): [string, number][] {
  const counts = new Map(always.map((state) => [state, 0]));
  for (const { state, gone } of views) {
    const key = gone ? 'ended' : state;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].sort(([a], [b]) => order(a) - order(b) || a.localeCompare(b));
}

function order(state: string): number {
  const index = STATE_ORDER.indexOf(state);
  return index < 0 ? STATE_ORDER.length : index;
}

function comparer(sort: SortKey): (a: ActorView, b: ActorView) => number {
  const byName = (a: ActorView, b: ActorView) =>
    a.actor.name < b.actor.name ? -1 : Number(a.actor.name > b.actor.name);
  const dueAt = ({ state, countdown }: ActorView) =>
    (state === 'rateLimited' ? countdown?.dueAt : undefined) ?? Number.MAX_VALUE;
  switch (sort) {
    case 'name':
      // Ended actors last: there may be hundreds.
      return (a, b) => Number(a.gone) - Number(b.gone) || byName(a, b);
    case 'state':
      return (a, b) => order(a.state) - order(b.state) || byName(a, b);
    case 'failures':
      return (a, b) => (b.failures?.count ?? -1) - (a.failures?.count ?? -1) || byName(a, b);
    case 'retry':
      return (a, b) => dueAt(a) - dueAt(b) || byName(a, b);
    case 'activity':
      return (a, b) => (b.step?.seq ?? 0) - (a.step?.seq ?? 0);
  }
}
