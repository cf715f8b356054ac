/** Sends a message to the process that forked this one, if it's still there. */
export function tellParent<T extends object>(message: T): void {
  // A parent that is gone is noticed by `disconnect`.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
