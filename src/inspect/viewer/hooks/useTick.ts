import { useEffect, useState } from 'preact/hooks';
import type { ViewerState } from '../store/ViewerState';

/** Redraw interval for received data; short enough for a countdown in tenths of a second. */
const INTERVAL_MS = 100;

/** Redraws for received data, the user's choices and running time. */
export function useTick(state: ViewerState): void {
  const [, setTick] = useState(0);
  useEffect(() => {
    let drawnAt = 0;
    let drawn = '';
    let frame = 0;
    const look = (at: number) => {
      frame = requestAnimationFrame(look);
      const chosen = state.version;
      const version = `${chosen} ${state.store.version} ${state.paused ? '' : Math.floor(at / INTERVAL_MS)}`;
      // Redraw at once for a choice, otherwise at most at the interval.
      if (version === drawn || (at - drawnAt < INTERVAL_MS && drawn.startsWith(`${chosen} `))) return;
      drawn = version;
      drawnAt = at;
      setTick((tick) => tick + 1);
    };
    frame = requestAnimationFrame(look);
    return () => cancelAnimationFrame(frame);
  }, [state]);
}
