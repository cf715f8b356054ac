import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { LayoutSpace } from '../chart/layoutChart';

/** An element's inner size; undefined until it's measured. */
export function useElementSize(ref: RefObject<HTMLElement | null>): LayoutSpace | undefined {
  const [size, setSize] = useState<LayoutSpace>();
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return size;
}
