import type { ChartState, ChartTransition } from '../chart/Chart';
import type { Rectangle } from '../chart/ChartDrawing';

/** What the pointer or the focus is on. */
export type ChartFocus = Rectangle & {
  readonly of:
    | { readonly kind: 'state'; readonly state: ChartState }
    | { readonly kind: 'transition'; readonly transition: ChartTransition };
};
