import type { ChartState, ChartTransition } from './Chart';

/** A chart with a place for everything, in CSS pixels from its upper left corner. */
export interface ChartDrawing {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly DrawnBox[];
  readonly blocks: readonly DrawnBlock[];
  readonly edges: readonly DrawnEdge[];
  readonly dots: readonly Point[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Rectangle extends Point {
  readonly width: number;
  readonly height: number;
}

export interface DrawnBox extends Rectangle {
  readonly state: ChartState;
  /** How many boxes it's in. */
  readonly depth: number;
}

/** A line of a state's block: what happens without leaving it. */
export type BlockRow =
  | { readonly kind: 'event'; readonly text: string }
  | {
      readonly kind: 'transition';
      readonly transition: ChartTransition;
      /** The first of several for its event, which stands above them. Undefined: it stands alone, with its event. */
      readonly order: number | undefined;
    }
  | { readonly kind: 'note'; readonly label: string; readonly text: string };

export interface DrawnBlock extends Rectangle {
  readonly state: ChartState;
  /** Lines beside each other, as wide as `columnWidths`. */
  readonly columns: readonly (readonly BlockRow[])[];
  readonly columnWidths: readonly number[];
}

export interface DrawnEdge {
  readonly id: string;
  /** Undefined: it leads from an initial marker. */
  readonly transition: ChartTransition | undefined;
  readonly points: readonly Point[];
  /** Where its text stands. Undefined: a transition that stands in a block, or a further target. */
  readonly label: Rectangle | undefined;
}
