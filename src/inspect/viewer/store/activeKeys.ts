/** The keys on the way to the active leaf of each region: `{ a: { b: 'c' }, d: 'e' }` is `a`, `b`, `c` and `d`, `e`. */
export function activeKeys(value: unknown): readonly (readonly string[])[] {
  if (typeof value === 'string') return [[value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const ways = activeKeys(inner);
    return ways.length === 0 ? [[key]] : ways.map((keys) => [key, ...keys]);
  });
}
