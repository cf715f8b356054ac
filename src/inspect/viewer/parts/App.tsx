import { useEffect } from 'preact/hooks';
import type { MeasureText } from '../chart/chartMetrics';
import type { LayoutGraph } from '../chart/layoutChart';
import { useTick } from '../hooks/useTick';
import type { ViewerState } from '../store/ViewerState';
import { ActorPanel } from './ActorPanel';
import { ChartPanel } from './ChartPanel';
import { DecisionPanel } from './DecisionPanel';
import { DetailPanel } from './DetailPanel';
import { RoutePanel } from './RoutePanel';
import { StepPanel } from './StepPanel';
import { TopBar } from './TopBar';

interface AppProps {
  readonly state: ViewerState;
  readonly layout: LayoutGraph;
  readonly measure: MeasureText;
}

/** The whole page. */
export function App({ state, layout, measure }: AppProps) {
  useTick(state);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => handleKey(event, state);
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, [state]);
  const withRoutes = state.store.routes.length > 0 ? 'with-routes' : '';
  const stale = state.lostAt !== undefined ? 'stale' : '';
  return (
    <>
      <TopBar state={state} />
      <main class={`${withRoutes} ${stale}`}>
        <ActorPanel state={state} />
        <ChartPanel state={state} layout={layout} measure={measure} />
        <StepPanel state={state} />
        <DetailPanel state={state} />
        <DecisionPanel state={state} />
        <RoutePanel state={state} />
      </main>
    </>
  );
}

/** Handles keys unless the focused element needs them. */
function handleKey(event: KeyboardEvent, state: ViewerState): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target instanceof Element ? event.target : undefined;
  if (target?.matches('input, select, textarea')) {
    if (event.key === 'Escape' && target instanceof HTMLElement) target.blur();
    return;
  }
  if (event.key === ' ' && target?.matches('button')) return;
  switch (event.key) {
    case ' ':
      if (state.paused) state.resume();
      else state.pause();
      break;
    case 'ArrowLeft':
    case 'ArrowRight':
      // The arrow keys scroll the chart.
      if (target?.matches('.chart-space')) return;
      state.stepBy(event.key === 'ArrowLeft' ? -1 : 1);
      break;
    case '/':
      document.getElementById('actor-search')?.focus();
      break;
    default:
      return;
  }
  event.preventDefault();
}
