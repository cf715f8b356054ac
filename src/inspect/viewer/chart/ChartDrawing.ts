import type { ChartState, ChartTransition } from './Chart';

/** A laid out chart, in CSS pixels from its upper left corner. */
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
  /** The number of boxes around it. */
  readonly depth: number;
}

/** A line of a state's block, which lists what happens without leaving the state. */
export type BlockRow =
  | { readonly kind: 'event'; readonly text: string }
  | {
      readonly kind: 'transition';
      readonly transition: ChartTransition;
      /** Its place, from 1, among several transitions for the event in the line above; undefined if it's the event's only one. */
      readonly order: number | undefined;
    }
  | { readonly kind: 'note'; readonly label: string; readonly text: string };

export interface DrawnBlock extends Rectangle {
  readonly state: ChartState;
  /** The lines by column; see `columnWidths`. */
  readonly columns: readonly (readonly BlockRow[])[];
  readonly columnWidths: readonly number[];
}

export interface DrawnEdge {
  readonly id: string;
  /** Undefined for the edge from an initial marker. */
  readonly transition: ChartTransition | undefined;
  readonly points: readonly Point[];
  /** Place of its text; undefined if the text is in a block, or at the edge to another target. */
  readonly label: Rectangle | undefined;
}
