/** The longest time in milliseconds that one timer can hold. A longer one would end at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;
