/** For actors whose delays never run by themselves: whoever owns the actor sends what they would. */
export const INERT_CLOCK = Object.freeze({ setTimeout: () => 0, clearTimeout: () => undefined });
