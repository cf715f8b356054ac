/** Disables an actor's timers: its owner sends the delayed events. */
export const INERT_CLOCK = Object.freeze({ setTimeout: () => 0, clearTimeout: () => undefined });
