import { useState } from 'preact/hooks';
import { CUT_LABEL, labelLines, missingText, rowText } from '../chart/blockRows';
import type { Chart, ChartState, ChartTransition } from '../chart/Chart';
import type {
  BlockRow,
  ChartDrawing,
  DrawnBlock,
  DrawnBox,
  DrawnEdge,
  Rectangle,
} from '../chart/ChartDrawing';
import { CHART_METRICS as M } from '../chart/chartMetrics';
import { roundedPath } from '../chart/roundedPath';
import type { TakenInStep } from '../chart/takenIn';
import { isOnLeft } from '../chart/toElkGraph';
import { ChartCard } from './ChartCard';
import type { ChartFocus } from './ChartFocus';

interface ChartViewProps {
  readonly chart: Chart;
  readonly drawing: ChartDrawing;
  readonly scale: number;
  readonly active: ReadonlySet<string>;
  readonly taken: TakenInStep;
  /** Each new step flashes its transitions, even if they are the same as before. */
  readonly stepSeq: number;
  readonly remaining: { readonly name: string; readonly text: string } | undefined;
}

const STATE_NOTES: Readonly<Record<ChartState['kind'], string>> = {
  atomic: '',
  compound: '',
  parallel: 'parallel',
  final: 'final',
  history: '',
};

/** A chart's drawing: boxes and texts as HTML elements, edges as one SVG. */
export function ChartView(props: ChartViewProps) {
  const { chart, drawing, scale, active, taken, remaining, stepSeq } = props;
  const { width, height, boxes, blocks, edges, dots } = drawing;
  const [focus, setFocus] = useState<ChartFocus>();
  const on = (of: ChartFocus['of'], place: Rectangle) => {
    const show = () => setFocus({ of, ...pick(place) });
    const hide = () => setFocus(undefined);
    return { onMouseEnter: show, onFocus: show, onMouseLeave: hide, onBlur: hide };
  };
  const markOf = (transition: ChartTransition | undefined) => {
    if (!transition) return 'initial';
    if (taken.answered?.id === transition.id) return 'answered';
    return taken.taken.has(transition.id) ? 'taken' : '';
  };
  return (
    <div class="chart-canvas-space" style={{ width: `${width * scale}px`, height: `${height * scale}px` }}>
      <div
        class="chart-canvas"
        style={{ width: `${width}px`, height: `${height}px`, transform: `scale(${scale})` }}
      >
        {boxes.map((box) => (
          <StateBox key={box.state.id} box={box} active={active.has(box.state.id)} on={on} />
        ))}
        <svg class="edges" width={width} height={height} aria-hidden="true">
          <defs>
            {['', 'initial', 'taken', 'answered'].map((mark) => (
              <marker
                key={mark}
                id={`arrow-${mark}`}
                class={`arrow ${mark}`}
                viewBox="0 0 10 10"
                refX="8.5"
                refY="5"
                markerWidth="9"
                markerHeight="9"
                markerUnits="userSpaceOnUse"
                orient="auto"
              >
                <path d="M0 0.8 9.5 5 0 9.2z" />
              </marker>
            ))}
          </defs>
          {[...edges]
            .sort((a, b) => Number(markOf(a.transition) !== '') - Number(markOf(b.transition) !== ''))
            .map(({ id, transition, points }) => (
              <path
                key={id}
                class={`edge ${markOf(transition)} ${transition?.kind ?? ''} ${
                  focus?.of.kind === 'transition' && focus.of.transition === transition ? 'focused' : ''
                }`}
                d={roundedPath(points, 8)}
                marker-end={`url(#arrow-${markOf(transition)})`}
              />
            ))}
          {dots.map(({ x, y }) => (
            <circle key={`${x} ${y}`} class="dot" cx={x} cy={y} r={M.dot / 2 - 1} />
          ))}
        </svg>
        {blocks.map((block) => (
          <Block key={block.state.id} block={block} markOf={markOf} on={on} stepSeq={stepSeq} />
        ))}
        {edges.map((edge) => (
          <EdgeLabel
            key={edge.id}
            edge={edge}
            mark={markOf(edge.transition)}
            on={on}
            stepSeq={stepSeq}
            remaining={
              edge.transition?.delay === remaining?.name && active.has(edge.transition?.source ?? '')
                ? remaining?.text
                : undefined
            }
          />
        ))}
        {focus && <ChartCard chart={chart} focus={focus} width={width} height={height} scale={scale} />}
      </div>
    </div>
  );
}

type On = (
  of: ChartFocus['of'],
  place: Rectangle,
) => Readonly<Record<'onMouseEnter' | 'onFocus' | 'onMouseLeave' | 'onBlur', () => void>>;

function StateBox({
  box,
  active,
  on,
}: {
  readonly box: DrawnBox;
  readonly active: boolean;
  readonly on: On;
}) {
  const { state, depth } = box;
  const note = STATE_NOTES[state.kind];
  return (
    <div
      class={`box ${state.kind} ${state.children.length > 0 ? 'outer' : 'leaf'} ${active ? 'active' : ''} ${depth === 0 ? 'root' : ''} ${state.cut.length > 0 ? 'cut' : ''}`}
      data-state={state.id}
      data-active={active}
      style={placeOf(box)}
    >
      <button
        type="button"
        class="box-title"
        {...on({ kind: 'state', state }, { ...box, height: M.boxHeader })}
      >
        {state.history === undefined ? (
          <span>{state.key}</span>
        ) : (
          <>
            <span class="hidden">
              {state.key}, {state.history} history
            </span>
            <span aria-hidden="true">{state.history === 'deep' ? 'H*' : 'H'}</span>
          </>
        )}
        {note !== '' && <span class="box-kind">{note}</span>}
        {active && state.children.length === 0 && (
          <>
            <span class="hidden"> active</span>
            <span class="active-mark" aria-hidden="true" />
          </>
        )}
      </button>
    </div>
  );
}

interface BlockProps {
  readonly block: DrawnBlock;
  readonly markOf: (transition: ChartTransition) => string;
  readonly on: On;
  readonly stepSeq: number;
}

function Block({ block, markOf, on, stepSeq }: BlockProps) {
  const { columns, columnWidths, state } = block;
  const isOwn = state.children.length > 0;
  return (
    <div class={`block ${isOwn ? 'placed' : ''}`} style={placeOf(block)}>
      {columns.map((rows, column) => {
        const left = columnWidths.slice(0, column).reduce((sum, width) => sum + width, 0);
        const width = columns.length === 1 ? block.width : (columnWidths[column] ?? 0);
        const onLeft = isOnLeft(column, columns.length);
        return (
          <div class="block-column" key={left} style={{ left: `${left}px`, width: `${width}px` }}>
            {rows.map((row, index) => (
              <Row
                key={`${index} ${row.kind === 'transition' ? markKey(markOf(row.transition), stepSeq) : ''}`}
                row={row}
                source={state}
                onLeft={onLeft}
                mark={row.kind === 'transition' ? markOf(row.transition) : ''}
                on={on}
                place={{
                  x: block.x + left,
                  y: block.y + M.blockPadding + index * M.rowHeight,
                  width,
                  height: M.rowHeight,
                }}
              />
            ))}
          </div>
        );
      })}
    </div>
  );
}

interface RowProps {
  readonly row: BlockRow;
  readonly source: ChartState;
  readonly onLeft: boolean;
  readonly mark: string;
  readonly on: On;
  readonly place: Rectangle;
}

function Row({ row, source, onLeft, mark, on, place }: RowProps) {
  if (row.kind === 'event') return <div class="block-row event">{row.text}</div>;
  if (row.kind === 'note') {
    return (
      <div class={`block-row note ${row.label === CUT_LABEL ? 'cut' : ''}`}>
        <span>{row.label}</span> {row.text}
      </div>
    );
  }
  const { transition, order } = row;
  const [target] = transition.targets;
  return (
    <button
      type="button"
      data-transition={transition.id}
      class={`block-row transition ${transition.missingTargets.length > 0 ? 'cut' : ''} ${mark} ${order === undefined ? 'alone' : 'choice'} ${onLeft ? 'on-left' : ''}`}
      {...on({ kind: 'transition', transition }, place)}
    >
      {order !== undefined && <span class="order">{order}</span>}
      {order === undefined ? (
        <>
          <span class="row-event">{transition.label}</span>
          {transition.guard !== undefined && <span class="row-guard"> [{transition.guard}]</span>}
          <span class="row-guard">{missingText(transition)}</span>
        </>
      ) : (
        <span class={transition.guard === undefined ? 'otherwise' : ''}>{rowText(row)}</span>
      )}
      {target !== undefined && (
        <span class="leads" aria-hidden="true">
          {target === source.id ? '↺' : ''}
        </span>
      )}
      {mark !== '' && <span class="hidden">, {mark === 'answered' ? 'answered last' : 'taken last'}</span>}
    </button>
  );
}

interface EdgeLabelProps {
  readonly edge: DrawnEdge;
  readonly mark: string;
  readonly on: On;
  readonly stepSeq: number;
  readonly remaining: string | undefined;
}

function EdgeLabel({ edge, mark, on, stepSeq, remaining }: EdgeLabelProps) {
  const { transition, label } = edge;
  if (!transition || !label) return null;
  return (
    <button
      type="button"
      key={markKey(mark, stepSeq)}
      class={`edge-label ${mark} ${transition.kind}`}
      style={placeOf(label)}
      {...on({ kind: 'transition', transition }, label)}
    >
      {transition.kind === 'after' && (
        <span class="delay">{remaining === undefined ? <Clock /> : <time>{remaining}</time>}</span>
      )}
      <span class="edge-lines">
        {labelLines(transition).map(({ text, isGuard }, index) => (
          <span key={index} class={isGuard ? 'guard' : 'event'}>
            {text}
          </span>
        ))}
      </span>
      {mark !== '' && <span class="hidden">, taken last</span>}
    </button>
  );
}

function Clock() {
  return (
    <svg viewBox="0 0 16 16" width="13" height="13" aria-hidden="true">
      <circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="1.6" />
      <path
        d="M8 4.5V8l2.4 1.6"
        fill="none"
        stroke="currentColor"
        stroke-width="1.6"
        stroke-linecap="round"
      />
    </svg>
  );
}

/** A key that changes with each step, so that a mark is rendered anew and flashes again. */
function markKey(mark: string, stepSeq: number): string {
  return mark === '' ? '' : `${mark} ${stepSeq}`;
}

function placeOf({ x, y, width, height }: Rectangle) {
  return { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` };
}

function pick({ x, y, width, height }: Rectangle): Rectangle {
  return { x, y, width, height };
}
