import { useTheme } from '../hooks/useTheme';
import type { ViewerState } from '../store/ViewerState';
import { formatTime } from './formatTime';
import { leftOutText } from './leftOutText';

/** The title, the connection's status and the playback controls. */
export function TopBar({ state }: { readonly state: ViewerState }) {
  const { theme, toggle } = useTheme();
  const { paused, store } = state;
  const newer = paused ? store.seq - state.seq : 0;
  return (
    <header class="topbar">
      <h1 class="brand">
        <img src="/favicon.svg" width="22" height="22" alt="" />
        Handoff <span>inspector</span>
      </h1>
      <Status state={state} />
      <fieldset class="playback" aria-label="Playback">
        <button type="button" onClick={() => state.stepBy(-1)} title="Step back (←)" aria-label="Step back">
          <Icon path="M10.5 3 5 8l5.5 5z" />
        </button>
        {paused ? (
          <button type="button" class="primary" onClick={() => state.resume()} title="Go live (space)">
            <Icon path="M4.5 3v10L13 8z" />
            Go live
          </button>
        ) : (
          <button type="button" onClick={() => state.pause()} title="Pause (space)">
            <Icon path="M4 3h3v10H4zM9 3h3v10H9z" />
            Pause
          </button>
        )}
        <button
          type="button"
          disabled={!paused}
          onClick={() => state.stepBy(1)}
          title="Step forward (→)"
          aria-label="Step forward"
        >
          <Icon path="M5.5 3 11 8l-5.5 5z" />
        </button>
      </fieldset>
      <p class="position" role="status">
        {paused && (
          <>
            Paused at <time>{formatTime(state.now)}</time>
            {newer > 0 && <span class="newer"> · {newer.toLocaleString('en')} newer</span>}
          </>
        )}
      </p>
      <button type="button" class="theme" onClick={toggle} aria-pressed={theme === 'dark'}>
        <Icon path="M8 1.5a6.5 6.5 0 1 0 0 13zM8 3a5 5 0 0 1 0 10z" />
        <span>Dark</span>
      </button>
    </header>
  );
}

function Status({ state }: { readonly state: ViewerState }) {
  const status = state.connection?.status ?? 'connecting';
  const text = { open: 'Connected', connecting: 'Connecting…', waiting: 'Reconnecting…' }[status];
  return (
    <p class={`status status-${status}`} role="status">
      <span class="lamp" aria-hidden="true" />
      {text}
      {state.lostAt !== undefined && (
        <span>
          {' '}
          · as of <time>{formatTime(state.lostAt).slice(0, -4)}</time>
        </span>
      )}
      <LeftOutNote state={state} />
      {state.store.missed > 0 && (
        <span class="missed" title="This page was too slow and missed events. The current state is correct.">
          {' '}
          · {state.store.missed.toLocaleString('en')} events missed
        </span>
      )}
    </p>
  );
}

/** The number of refused messages and connections, with the reasons. */
function LeftOutNote({ state }: { readonly state: ViewerState }) {
  const { leftOut } = state.store;
  const count = Object.values(leftOut).reduce((sum, each) => sum + each, 0);
  if (count === 0) return null;
  return (
    <span class="missed" title={leftOutText(leftOut)}>
      {' '}
      · {count.toLocaleString('en')} refused
      <span class="hidden">: {leftOutText(leftOut)}</span>
    </span>
  );
}

function Icon({ path }: { readonly path: string }) {
  return (
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <path d={path} fill="currentColor" />
    </svg>
  );
}
