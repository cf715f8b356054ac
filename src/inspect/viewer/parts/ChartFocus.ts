import type { ChartState, ChartTransition } from '../chart/Chart';
import type { Rectangle } from '../chart/ChartDrawing';

/** The element under the pointer or focus. */
export type ChartFocus = Rectangle & {
  readonly of:
    | { readonly kind: 'state'; readonly state: ChartState }
    | { readonly kind: 'transition'; readonly transition: ChartTransition };
};
