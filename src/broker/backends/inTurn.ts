/** `Promise.all(many.map(doIt))` with at most `atATime` calls at once. */
export async function inTurn<T, R>(
  many: readonly T[],
  atATime: number,
  doIt: (one: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const waiting = [...many.entries()].reverse();
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [index, one] = next;
      results[index] = await doIt(one);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, many.length) }, work));
  return results;
}
