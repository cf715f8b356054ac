/** A clock for actors whose own delays never run. */
export const inertClock = Object.freeze({ setTimeout: () => 0, clearTimeout: () => undefined });
