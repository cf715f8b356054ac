import type { ElkExtendedEdge, ElkNode, LayoutOptions } from 'elkjs/lib/elk-api';
import { blockColumns, labelLines, rowText, standsInBlock } from './blockRows';
import type { ChartState, ChartTransition } from './Chart';
import type { BlockRow } from './ChartDrawing';
import { CHART_FONTS, CHART_METRICS as M, type MeasureText } from './chartMetrics';

export type ChartDirection = 'DOWN' | 'RIGHT';

/** Ids of nodes, ports and edges. */
export const elkId = {
  state: (state: string) => `state ${state}`,
  block: (state: string) => `block ${state}`,
  dot: (state: string) => `dot ${state}`,
  port: (transition: string) => `port ${transition}`,
  initial: (state: string, index: number) => `initial ${index} ${state}`,
  edge: (transition: string, index: number) => `edge ${index} ${transition}`,
};

const OPTIONS: LayoutOptions = {
  'elk.algorithm': 'layered',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.json.shapeCoords': 'ROOT',
  'elk.json.edgeCoords': 'ROOT',
  'elk.edgeLabels.inline': 'true',
  'elk.layered.spacing.nodeNodeBetweenLayers': '26',
  'elk.layered.spacing.edgeNodeBetweenLayers': '14',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '12',
  'elk.spacing.nodeNode': '18',
  'elk.spacing.edgeNode': '14',
  'elk.spacing.edgeEdge': '11',
  'elk.spacing.edgeLabel': '4',
  'elk.spacing.componentComponent': '20',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.nodePlacement.favorStraightEdges': 'true',
  'elk.layered.unnecessaryBendpoints': 'false',
  'elk.layered.thoroughness': '20',
};

/** The graph of a state with its descendants and their transitions. */
export function toElkGraph(state: ChartState, direction: ChartDirection, measure: MeasureText): ElkNode {
  return {
    id: 'chart',
    layoutOptions: {
      ...OPTIONS,
      'elk.direction': direction,
      'elk.padding': '[top=0,left=0,bottom=0,right=0]',
    },
    children: [toNode(state, direction, measure)],
    edges: statesWithin(state).flatMap((source) => [
      ...initialEdge(source),
      ...source.transitions.flatMap((transition) => toEdges(transition, source, measure)),
    ]),
  };
}

/** A state and its descendants. */
export function statesWithin(state: ChartState): readonly ChartState[] {
  return [state, ...state.children.flatMap(statesWithin)];
}

/** The size of a state's block of lines. */
export function blockSize(columns: readonly (readonly BlockRow[])[], measure: MeasureText): BlockSize {
  const columnWidths = columns.map(
    (rows) => Math.max(...rows.map((row) => measure(rowText(row), CHART_FONTS.row))) + M.rowMargin,
  );
  const lines = Math.max(0, ...columns.map(({ length }) => length));
  return {
    columnWidths,
    width: columnWidths.reduce((sum, width) => sum + width, 0),
    height: lines === 0 ? 0 : lines * M.rowHeight + 2 * M.blockPadding,
  };
}

export interface BlockSize {
  readonly width: number;
  readonly height: number;
  readonly columnWidths: readonly number[];
}

/** Whether a line of the block leads to a descendant; the block is then a node of the layout. */
function leadsWithin(state: ChartState): boolean {
  return state.transitions.some(
    (transition) =>
      standsInBlock(transition, state) && transition.targets.some((target) => target !== state.id),
  );
}

function toNode(state: ChartState, direction: ChartDirection, measure: MeasureText): ElkNode {
  const columns = blockColumns(state);
  const titleWidth = measure(state.key, CHART_FONTS.title) + 2 * M.boxPadding + 24;
  const block = blockSize(columns, measure);
  if (state.kind === 'history') return { id: elkId.state(state.id), width: 34, height: 34 };
  if (state.children.length === 0) {
    return {
      id: elkId.state(state.id),
      width: Math.max(96, titleWidth, block.width),
      height: M.boxHeader + (block.height || M.blockPadding),
    };
  }
  const children = state.children.map((child) => toNode(child, direction, measure));
  if (state.initial !== undefined) {
    children.unshift({ id: elkId.dot(state.id), width: M.dot, height: M.dot });
  }
  const placed = leadsWithin(state);
  if (placed) children.unshift(toBlock(state, columns, block, direction));
  const headerHeight = M.boxHeader + (placed ? M.gap : block.height);
  const minimum = [Math.max(titleWidth, placed ? 0 : block.width), headerHeight];
  return {
    id: elkId.state(state.id),
    children,
    layoutOptions: {
      ...OPTIONS,
      'elk.direction': direction,
      'elk.padding': `[top=${headerHeight},left=${M.boxPadding},bottom=${M.boxPadding},right=${M.boxPadding}]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${minimum.join(',')})`,
    },
  };
}

/** The node of a block. The edge of a line to a descendant starts at the line, on the outer side of its column. */
function toBlock(
  state: ChartState,
  columns: readonly (readonly BlockRow[])[],
  { width, height }: BlockSize,
  direction: ChartDirection,
): ElkNode {
  const ports = columns.flatMap((rows, column) =>
    rows.flatMap((row, index) => {
      if (row.kind !== 'transition' || row.transition.targets.length === 0) return [];
      const onLeft = isOnLeft(column, columns.length);
      return [
        {
          id: elkId.port(row.transition.id),
          width: 0,
          height: 0,
          x: onLeft ? 0 : width,
          y: M.blockPadding + (index + 0.5) * M.rowHeight,
          layoutOptions: { 'elk.port.side': onLeft ? 'WEST' : 'EAST' },
        },
      ];
    }),
  );
  return {
    id: elkId.block(state.id),
    width,
    height,
    ports,
    layoutOptions: { 'elk.portConstraints': 'FIXED_POS', 'elk.direction': direction },
  };
}

/** Whether the edges of a column's lines start on the left. */
export function isOnLeft(column: number, columns: number): boolean {
  return columns > 1 && column === 0;
}

function initialEdge(state: ChartState): ElkExtendedEdge[] {
  const source = state.kind === 'history' ? elkId.state(state.id) : elkId.dot(state.id);
  const targets = state.kind === 'history' ? state.defaults : (state.initial ?? []);
  return [targets].flat().map((target, index) => ({
    id: elkId.initial(state.id, index),
    sources: [source],
    targets: [elkId.state(target)],
    layoutOptions: { 'elk.layered.priority.direction': '10', 'elk.layered.priority.straightness': '10' },
  }));
}

function toEdges(transition: ChartTransition, source: ChartState, measure: MeasureText): ElkExtendedEdge[] {
  const inBlock = standsInBlock(transition, source);
  // A transition back to its source is only a line in the block.
  const targets = inBlock ? transition.targets.filter((target) => target !== source.id) : transition.targets;
  return targets.map((target, index) => {
    const id = elkId.edge(transition.id, index);
    const ends = { sources: [elkId.state(source.id)], targets: [elkId.state(target)] };
    if (inBlock) return { ...ends, id, sources: [elkId.port(transition.id)] };
    if (index > 0) return { ...ends, id };
    const lines = labelLines(transition);
    const widths = lines.map(({ text }) => measure(text, CHART_FONTS.row));
    return {
      ...ends,
      id,
      labels: [
        {
          id: `${id} label`,
          text: lines.map(({ text }) => text).join('\n'),
          width: Math.max(...widths) + 2 * M.labelPadding + (transition.kind === 'after' ? M.clock : 0),
          height: lines.length * M.labelLine + M.labelPadding,
          layoutOptions: { 'elk.edgeLabels.placement': 'CENTER', 'elk.edgeLabels.inline': 'true' },
        },
      ],
    };
  });
}
