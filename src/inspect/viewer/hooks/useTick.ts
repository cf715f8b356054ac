import { useEffect, useState } from 'preact/hooks';
import type { ViewerState } from '../store/ViewerState';

/** How often the page follows what is received: often enough for a countdown in tenths of a second. */
const INTERVAL_MS = 100;

/** Draws anew when something was received or chosen, and while time runs. */
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
      // A choice is shown at once; what is received, in the rhythm.
      if (version === drawn || (at - drawnAt < INTERVAL_MS && drawn.startsWith(`${chosen} `))) return;
      drawn = version;
      drawnAt = at;
      setTick((tick) => tick + 1);
    };
    frame = requestAnimationFrame(look);
    return () => cancelAnimationFrame(frame);
  }, [state]);
}
