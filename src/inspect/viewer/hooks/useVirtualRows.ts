import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  type VirtualItem,
  Virtualizer,
} from '@tanstack/virtual-core';
import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

export interface VirtualRows {
  readonly rows: readonly VirtualItem[];
  /** Height of all rows in CSS pixels. */
  readonly height: number;
  scrollTo(index: number): void;
}

/** The visible rows of a long list with one row height. */
export function useVirtualRows(
  ref: RefObject<HTMLElement | null>,
  count: number,
  rowHeight: number,
): VirtualRows {
  const [, redraw] = useState(0);
  const virtualizer = useRef<Virtualizer<HTMLElement, Element>>(undefined);
  virtualizer.current ??= new Virtualizer<HTMLElement, Element>({
    count,
    estimateSize: () => rowHeight,
    getScrollElement: () => ref.current,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    overscan: 4,
    onChange: () => redraw((tick) => tick + 1),
  });
  const { current } = virtualizer;
  current.setOptions({ ...current.options, count });
  useEffect(() => current._didMount(), [current]);
  useLayoutEffect(() => current._willUpdate());
  return {
    rows: current.getVirtualItems(),
    height: current.getTotalSize(),
    scrollTo: (index) => current.scrollToIndex(index, { align: 'auto' }),
  };
}
