/** Handles the rejection of a promise that a callback returned; unhandled, it would end the process. */
export function onRejection(returned: unknown, tell: (cause: unknown) => void): void {
  if ((typeof returned !== 'object' && typeof returned !== 'function') || returned === null) return;
  // Must not throw, even if a thenable's getters do.
  new Promise((resolve) => resolve(returned)).catch(tell);
}
