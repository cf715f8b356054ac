/** Waits until something is so, without a word about how long: Jest's own timeout is the bound. */
export async function eventually(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}
