import { invalidType } from './invalidArgument';

/**
 * Checks a callback's result and returns it.
 *
 * @param expected the expected kind of result, for the error.
 * @throws {TypeError} the result has another type, for instance a promise; the message names the callback and the result.
 */
export function requireAnswer<T>(
  callback: string,
  answer: unknown,
  isValid: (answer: unknown) => answer is T,
  expected: string,
): T {
  if (isValid(answer)) return answer;
  throw invalidType(`the answer of ${callback}`, `${expected}, and no promise of it`, answer);
}
