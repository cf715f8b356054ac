import { isDeepStrictEqual } from 'node:util';

/** `expect(actual).toEqual(expected)` for hot loops: Jest builds an error for each assertion, even one that holds. */
export function expectEqual(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}
