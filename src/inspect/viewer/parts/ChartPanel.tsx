import type { RefObject } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { activeStates } from '../chart/activeStates';
import type { ChartDrawing } from '../chart/ChartDrawing';
import type { MeasureText } from '../chart/chartMetrics';
import { type LayoutGraph, type LayoutSpace, layoutChart } from '../chart/layoutChart';
import { parseChart } from '../chart/parseChart';
import { takenIn } from '../chart/takenIn';
import { useElementSize } from '../hooks/useElementSize';
import { viewActor } from '../store/ActorView';
import type { ViewerState } from '../store/ViewerState';
import { ChartView } from './ChartView';
import { formatRemaining } from './formatTime';
import { StateMark } from './StateMark';
import { stateTone } from './stateTone';

/** Smallest readable scale. */
const MIN_FIT_SCALE = 0.66;
/** A chart that would need a smaller scale than this has to be scrolled anyway, so it's shown at `SCROLLED_SCALE`. */
const SCROLLED_BELOW = 0.5;
const SCROLLED_SCALE = 0.85;
const MARGIN = 16;

const CUT_HELP =
  'The inspected app sent only the upper levels of this chart’s definition. What is missing is shown as …; ' +
  'to see it, give its inspector a greater serializationDepthLimit (10 by default), for example ' +
  'createWebSocketInspector({ url, serializationDepthLimit: 50 }).';

interface ChartPanelProps {
  readonly state: ViewerState;
  readonly layout: LayoutGraph;
  readonly measure: MeasureText;
}

/** The selected actor's chart, with its active states and last transitions. */
export function ChartPanel({ state, layout, measure }: ChartPanelProps) {
  const { selected: actor, seq, now } = state;
  const view = actor && viewActor(actor, seq);
  const definition = actor?.definition;
  const chart = useMemo(() => parseChart(definition), [definition]);
  const ref = useRef<HTMLElement>(null);
  const space = useElementSize(ref);
  const drawing = useDrawing(chart, space, measure, layout);
  const [zoom, setZoom] = useState<number>();

  const step = view?.step;
  const before = step && actor ? actor.stepAt(step.seq - 1) : undefined;
  const active = useMemo(
    () => (chart ? activeStates(chart, step?.snapshot?.value) : new Set<string>()),
    [chart, step],
  );
  const taken = useMemo(() => chart && takenIn(chart, step, before), [chart, step, before]);
  const fit = drawing && space ? fitScale(drawing, space) : 1;
  const scale = zoom ?? fit;
  useScrollToActive(ref, drawing, active, scale, actor?.sessionId);
  const countdown = view?.countdown;
  const remaining =
    countdown && !view.gone
      ? { name: countdown.name, text: formatRemaining(countdown.dueAt - now) }
      : undefined;
  return (
    <section class="panel chart" aria-labelledby="chart-title">
      <header class="panel-head">
        <h2 id="chart-title" class="chart-name">
          {actor?.name ?? 'No backend yet'}
        </h2>
        {view && (
          <p class={`chart-state tone-${stateTone(view.state, view.gone)}`}>
            <StateMark tone={stateTone(view.state, view.gone)} />
            {view.gone ? `${actor?.failure ? 'failed' : 'ended'} in ${view.state}` : view.state}
            {view.otherStates.length > 0 && (
              <span class="other-states"> · {view.otherStates.join(' · ')}</span>
            )}
          </p>
        )}
        {taken?.answered && (
          <p class="answered">
            reconnect: <b>{taken.answered.reason}</b>
          </p>
        )}
        {chart?.isCut && (
          <p class="chart-cut" title={CUT_HELP}>
            cut by its sender<span class="hidden">: {CUT_HELP}</span>
          </p>
        )}
        <fieldset class="zoom" aria-label="Zoom">
          <button type="button" aria-label="Smaller" onClick={() => setZoom(Math.max(0.3, scale / 1.2))}>
            −
          </button>
          <button type="button" onClick={() => setZoom(undefined)} aria-label="Fit" title="Fit">
            {Math.round(scale * 100)}%
          </button>
          <button type="button" aria-label="Larger" onClick={() => setZoom(Math.min(2.5, scale * 1.2))}>
            +
          </button>
        </fieldset>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keys. */}
      <section ref={ref} class="chart-space" tabIndex={0} aria-label="Statechart">
        {chart && drawing && taken ? (
          <ChartView
            chart={chart}
            drawing={drawing}
            scale={scale}
            active={active}
            taken={taken}
            stepSeq={step?.seq ?? 0}
            remaining={remaining}
          />
        ) : (
          <p class="chart-empty">
            {whyEmpty(actor !== undefined, chart !== undefined, state.lostAt !== undefined)}
          </p>
        )}
      </section>
    </section>
  );
}

function whyEmpty(hasActor: boolean, hasChart: boolean, isLost: boolean): string {
  // The layout of a very large chart takes seconds.
  if (hasChart) return 'Drawing the chart…';
  if (hasActor) return 'This actor has no chart.';
  if (isLost) return `Waiting for the process that served this page at ${location.host}.`;
  return 'Waiting for an actor. Anything with XState’s inspector shows up here.';
}

function fitScale(drawing: ChartDrawing, space: LayoutSpace): number {
  const scale = Math.min(
    (space.width - 2 * MARGIN) / drawing.width,
    (space.height - 2 * MARGIN) / drawing.height,
    1.15,
  );
  return scale < SCROLLED_BELOW ? SCROLLED_SCALE : Math.max(MIN_FIT_SCALE, scale);
}

/** Scrolls to the active state when an actor is selected. */
function useScrollToActive(
  ref: RefObject<HTMLElement | null>,
  drawing: ChartDrawing | undefined,
  active: ReadonlySet<string>,
  scale: number,
  sessionId: string | undefined,
): void {
  const latest = useRef(active);
  latest.current = active;
  useEffect(() => {
    const box = drawing?.boxes.find(
      ({ state }) => state.children.length === 0 && latest.current.has(state.id),
    );
    if (!ref.current || !box || sessionId === undefined) return;
    ref.current.scrollTo({
      left: MARGIN + (box.x + box.width / 2) * scale - ref.current.clientWidth / 2,
      top: MARGIN + (box.y + box.height / 2) * scale - ref.current.clientHeight / 2,
    });
  }, [ref, drawing, scale, sessionId]);
}

/** The drawing for the space, laid out again only for a large change of the space, so that it doesn't jump. */
function useDrawing(
  chart: ReturnType<typeof parseChart>,
  space: LayoutSpace | undefined,
  measure: MeasureText,
  layout: LayoutGraph,
): ChartDrawing | undefined {
  const [made, setMade] = useState<{ readonly chart: typeof chart; readonly drawing: ChartDrawing }>();
  const width = space && Math.round(space.width / 80) * 80;
  const height = space && Math.round(space.height / 80) * 80;
  useEffect(() => {
    if (!chart || width === undefined || height === undefined) return;
    let wanted = true;
    layoutChart(chart, { width, height }, measure, layout).then(
      (drawing) => wanted && setMade({ chart, drawing }),
      (error: unknown) => console.error('The chart could not be laid out', error),
    );
    return () => {
      wanted = false;
    };
  }, [chart, width, height, measure, layout]);
  return made?.chart === chart ? made?.drawing : undefined;
}
