/** Sends a message to the parent process, if it still runs. */
export function tellParent<T extends object>(message: T): void {
  // The listener of `disconnect` handles a parent that has ended.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
