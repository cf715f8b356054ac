import { invalidType } from './invalidArgument';

/** Handles the rejection of a promise that a callback returned; unhandled, it would end the process. */
export function onRejection(returned: unknown, tell: (cause: unknown) => void): void {
  if ((typeof returned !== 'object' && typeof returned !== 'function') || returned === null) return;
  // Must not throw, even if a thenable's getters do.
  new Promise((resolve) => resolve(returned)).catch(tell);
}

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
  // A promise is a wrong result; its rejection must still be handled.
  onRejection(answer, () => {});
  throw invalidType(`the answer of ${callback}`, `${expected}, and no promise of it`, answer);
}
