import type { ElkNode } from 'elkjs/lib/elk-api';
import { blockColumns, standsInBlock } from './blockRows';
import type { Chart, ChartState } from './Chart';
import type { ChartDrawing, Point } from './ChartDrawing';
import { CHART_FONTS, CHART_METRICS as M, type MeasureText } from './chartMetrics';
import { fromElkGraph } from './fromElkGraph';
import { blockSize, type ChartDirection, statesWithin, toElkGraph } from './toElkGraph';

const DIRECTIONS: readonly ChartDirection[] = ['DOWN', 'RIGHT'];

/** Width of the word "parallel" with its margins. */
const KIND_WIDTH = 100;

/** Lays out a graph. */
export type LayoutGraph = (graph: ElkNode) => Promise<ElkNode>;

/** The space that a drawing should fill, in CSS pixels. */
export interface LayoutSpace {
  readonly width: number;
  readonly height: number;
}

/**
 * Lays out a chart in the variant that fits the space at the largest scale: downwards or to the right, with the regions of a
 * parallel chart side by side or stacked.
 */
export async function layoutChart(
  chart: Chart,
  space: LayoutSpace,
  measure: MeasureText,
  layout: LayoutGraph,
): Promise<ChartDrawing> {
  const { root } = chart;
  const draw = async (state: ChartState, direction: ChartDirection) =>
    fromElkGraph(chart, state, await layout(toElkGraph(state, direction, measure)), measure);
  if (!hasIndependentRegions(root)) {
    return largest(await Promise.all(DIRECTIONS.map((direction) => draw(root, direction))), space);
  }
  const regions = await Promise.all(
    root.children.map((region) => Promise.all(DIRECTIONS.map((direction) => draw(region, direction)))),
  );
  const combinations = regions.reduce<readonly (readonly ChartDrawing[])[]>(
    // Bounded: with very many regions, don't try both directions for all of them.
    (some, ways) =>
      some.flatMap((chosen) => ways.slice(0, some.length > 64 ? 1 : 2).map((way) => [...chosen, way])),
    [[]],
  );
  return largest(
    combinations.flatMap((drawings) => [
      pack(root, drawings, 'row', measure),
      pack(root, drawings, 'column', measure),
    ]),
    space,
  );
}

/** Whether the regions of a parallel chart can be laid out separately: no transition leads from one to another. */
function hasIndependentRegions(root: ChartState): boolean {
  if (root.kind !== 'parallel' || root.children.length < 2) return false;
  if (root.transitions.some(({ targets }) => targets.length > 0)) return false;
  return root.children.every((region) => {
    const inside = new Set(statesWithin(region).map(({ id }) => id));
    return statesWithin(region).every((state) =>
      state.transitions.every(
        (transition) => standsInBlock(transition, state) || transition.targets.every((id) => inside.has(id)),
      ),
    );
  });
}

function largest(drawings: readonly ChartDrawing[], space: LayoutSpace): ChartDrawing {
  // Scales above 1 don't count; among equal scales the smaller drawing wins.
  const scale = ({ width, height }: ChartDrawing) =>
    Math.min(space.width / width, space.height / height, 1) - (width * height) / 1e9;
  return drawings.reduce((best, drawing) => (scale(drawing) > scale(best) ? drawing : best));
}

/** Puts the drawings of a parallel state's regions in its box, in order, all stretched to the longest. */
function pack(
  root: ChartState,
  regions: readonly ChartDrawing[],
  way: 'row' | 'column',
  measure: MeasureText,
): ChartDrawing {
  const columns = blockColumns(root);
  const block = blockSize(columns, measure);
  // Beside the title, to leave the height to the regions.
  const left = measure(root.key, CHART_FONTS.title) + KIND_WIDTH;
  const top = Math.max(M.boxHeader, block.height + M.blockPadding);
  const across = Math.max(...regions.map((region) => (way === 'row' ? region.height : region.width)));
  const placed: ChartDrawing[] = [];
  let at = way === 'row' ? M.boxPadding : top;
  for (const region of regions) {
    const offset = way === 'row' ? { x: at, y: top } : { x: M.boxPadding, y: at };
    const grown = way === 'row' ? { ...region, height: across } : { ...region, width: across };
    placed.push(moved(grown, offset));
    at += (way === 'row' ? region.width : region.height) + M.boxPadding;
  }
  const least = left + block.width + M.boxPadding;
  const width = Math.max(least, way === 'row' ? at : across + 2 * M.boxPadding);
  const height = way === 'row' ? top + across + M.boxPadding : at;
  return {
    width,
    height,
    boxes: [{ state: root, depth: 0, x: 0, y: 0, width, height }, ...placed.flatMap(({ boxes }) => boxes)],
    blocks: [
      ...(columns.length > 0 ? [{ ...block, state: root, columns, x: left, y: 0 }] : []),
      ...placed.flatMap(({ blocks }) => blocks),
    ],
    edges: placed.flatMap(({ edges }) => edges),
    dots: placed.flatMap(({ dots }) => dots),
  };
}

/** A region's drawing moved, its box stretched to the drawing's size. */
function moved(drawing: ChartDrawing, by: Point): ChartDrawing {
  const at = <T extends Point>(point: T): T => ({ ...point, x: point.x + by.x, y: point.y + by.y });
  return {
    width: drawing.width,
    height: drawing.height,
    boxes: drawing.boxes.map((box) => ({
      ...at(box),
      ...(box.depth === 0 ? { width: drawing.width, height: drawing.height } : {}),
      depth: box.depth + 1,
    })),
    blocks: drawing.blocks.map(at),
    edges: drawing.edges.map(({ points, label, ...edge }) => ({
      ...edge,
      points: points.map(at),
      label: label && at(label),
    })),
    dots: drawing.dots.map(at),
  };
}
