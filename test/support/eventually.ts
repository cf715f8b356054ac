import { inspect } from 'node:util';

/** Far beyond what any load makes of a wait that ends at all. */
const TIMEOUT_MS = 60_000;
const POLL_MS = 5;

type Truthy<T> = Exclude<T, false | undefined | null | 0 | ''>;

/**
 * Waits until something is so: `isSo` returns a truthy value, or a promise of one. While it throws, it isn't so yet.
 *
 * @param what is waited for; the error says so if it never comes.
 * @returns the value.
 */
export async function eventually<T>(
  what: string,
  isSo: () => T | Promise<T>,
  { timeoutMs = TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
): Promise<Truthy<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    // Before the check, so that a process that got no time is asked once more after its deadline.
    const isLate = performance.now() >= deadline;
    const last = await attempt(isSo);
    if ('value' in last && last.value) return last.value as Truthy<T>;
    if (isLate) {
      const saw =
        'value' in last ? `the last value was ${inspect(last.value)}` : `the last error was ${last.error}`;
      throw new Error(
        `waited ${timeoutMs} ms for ${what}; ${saw}`,
        'error' in last ? { cause: last.error } : {},
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function attempt<T>(isSo: () => T | Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await isSo() };
  } catch (error) {
    return { error };
  }
}
