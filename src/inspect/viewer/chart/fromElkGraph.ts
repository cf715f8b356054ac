import type { ElkEdgeSection, ElkExtendedEdge, ElkNode } from 'elkjs/lib/elk-api';
import { blockColumns } from './blockRows';
import type { Chart, ChartState } from './Chart';
import type { ChartDrawing, DrawnBlock, DrawnBox, DrawnEdge, Point, Rectangle } from './ChartDrawing';
import { CHART_METRICS as M, type MeasureText } from './chartMetrics';
import { blockSize, elkId } from './toElkGraph';

/** Converts a state's laid out graph to a drawing. */
export function fromElkGraph(
  chart: Chart,
  root: ChartState,
  graph: ElkNode,
  measure: MeasureText,
): ChartDrawing {
  const nodes = new Map<string, Rectangle>();
  collect(graph, nodes);
  const boxes: DrawnBox[] = [];
  const blocks: DrawnBlock[] = [];
  const dots: Point[] = [];
  const visit = (state: ChartState, depth: number) => {
    const box = nodes.get(elkId.state(state.id));
    if (!box) return;
    boxes.push({ ...box, state, depth });
    const columns = blockColumns(state);
    const { width, height, columnWidths } = blockSize(columns, measure);
    // A block without a node of its own is placed below the state's title.
    const below =
      state.children.length > 0
        ? { x: box.x + M.boxPadding, y: box.y + M.boxHeader, width, height }
        : { ...box, y: box.y + M.boxHeader, height };
    const block = nodes.get(elkId.block(state.id)) ?? below;
    if (columns.length > 0) blocks.push({ ...block, state, columns, columnWidths });
    const dot = nodes.get(elkId.dot(state.id));
    if (dot) dots.push({ x: dot.x + dot.width / 2, y: dot.y + dot.height / 2 });
    for (const child of state.children) visit(child, depth + 1);
  };
  visit(root, 0);
  return {
    width: graph.width ?? 0,
    height: graph.height ?? 0,
    boxes,
    blocks,
    dots,
    edges: (graph.edges ?? []).flatMap((edge) => toDrawnEdge(chart, edge)),
  };
}

function collect(node: ElkNode, nodes: Map<string, Rectangle>): void {
  const { x = 0, y = 0, width = 0, height = 0 } = node;
  nodes.set(node.id, { x, y, width, height });
  for (const child of node.children ?? []) collect(child, nodes);
}

function toDrawnEdge(chart: Chart, edge: ElkExtendedEdge): DrawnEdge[] {
  const points = (edge.sections ?? []).flatMap(({ startPoint, bendPoints, endPoint }: ElkEdgeSection) => [
    startPoint,
    ...(bendPoints ?? []),
    endPoint,
  ]);
  if (points.length < 2) return [];
  const [label] = edge.labels ?? [];
  return [
    {
      id: edge.id,
      transition: chart.transitions.get(edge.id.replace(/^edge \d+ /, '')),
      points,
      label: label && {
        x: label.x ?? 0,
        y: label.y ?? 0,
        width: label.width ?? 0,
        height: label.height ?? 0,
      },
    },
  ];
}
