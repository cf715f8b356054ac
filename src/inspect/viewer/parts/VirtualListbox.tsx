import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { useVirtualRows } from '../hooks/useVirtualRows';

interface VirtualListboxProps<T> {
  readonly id: string;
  readonly label: string;
  readonly items: readonly T[];
  readonly rowHeight: number;
  readonly keyOf: (item: T) => string | number;
  /** The index of the selected item, or -1. */
  readonly selected: number;
  readonly onSelect: (item: T) => void;
  readonly render: (item: T) => ComponentChildren;
  /** Shown if there are no items. */
  readonly empty: ComponentChildren;
  /** Scrolls to a newly selected item, and keeps it in place when items are inserted before it. */
  readonly follow?: boolean;
}

/** A list of any length with one selected item; renders only the visible rows. */
export function VirtualListbox<T>(props: VirtualListboxProps<T>) {
  const { id, label, items, rowHeight, keyOf, selected, onSelect, render, empty, follow } = props;
  const ref = useRef<HTMLDivElement>(null);
  const { rows, height, scrollTo } = useVirtualRows(ref, items.length, rowHeight);
  const selectedItem = items[selected];
  const selectedKey = selectedItem === undefined ? undefined : keyOf(selectedItem);
  // Scroll when another item is selected, not when rows move.
  useEffect(() => {
    if (follow && selected >= 0) scrollTo(selected);
  }, [selectedKey, follow]);
  // Items inserted before the selected one must not move it out of view.
  const placed = useRef<{ readonly key: string | number | undefined; readonly index: number }>(undefined);
  useLayoutEffect(() => {
    const before = placed.current;
    placed.current = { key: selectedKey, index: selected };
    if (!follow || selectedKey === undefined || before?.key !== selectedKey) return;
    if (selected !== before.index) ref.current?.scrollBy(0, (selected - before.index) * rowHeight);
  });

  const choose = (index: number) => {
    const at = Math.max(0, Math.min(items.length - 1, index));
    const item = items[at];
    if (item === undefined) return;
    onSelect(item);
    scrollTo(at);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor((ref.current?.clientHeight ?? 0) / rowHeight) - 1);
    const target = {
      ArrowDown: selected + 1,
      ArrowUp: selected - 1,
      PageDown: selected + page,
      PageUp: selected - page,
      Home: 0,
      End: items.length - 1,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    choose(target);
  };
  const isInView = rows.some(({ index }) => index === selected);
  return (
    <div
      ref={ref}
      class="listbox"
      role="listbox"
      tabIndex={0}
      aria-label={label}
      aria-activedescendant={isInView ? `${id}-${selectedKey}` : undefined}
      onKeyDown={onKeyDown}
    >
      {items.length === 0 ? (
        // biome-ignore lint/a11y/useFocusableInteractive: keys go to the listbox.
        <div role="option" aria-selected="false" aria-disabled="true" class="empty">
          {empty}
        </div>
      ) : (
        <div role="presentation" class="listbox-rows" style={{ height: `${height}px` }}>
          {rows.map(({ index, start }) => {
            const item = items[index];
            if (item === undefined) return null;
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useFocusableInteractive: keys go to the listbox.
              <div
                key={keyOf(item)}
                id={`${id}-${keyOf(item)}`}
                role="option"
                aria-selected={index === selected}
                aria-posinset={index + 1}
                aria-setsize={items.length}
                class="row"
                style={{ height: `${rowHeight}px`, transform: `translateY(${start}px)` }}
                onClick={() => onSelect(item)}
              >
                {render(item)}
              </div>
            );
          })}
        </div>
      )}
    </div>
  );
}
