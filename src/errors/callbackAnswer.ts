import { invalidType } from './invalidArgument';

/** Tells why a promise is rejected, if a callback returned one: nobody else waits for it, and Node would end the process. */
export function onRejection(returned: unknown, tell: (cause: unknown) => void): void {
  if ((typeof returned !== 'object' && typeof returned !== 'function') || returned === null) return;
  // Never throws, whatever a thing that looks like a promise does when it's touched.
  new Promise((resolve) => resolve(returned)).catch(tell);
}

/**
 * Returns what a callback answered.
 *
 * @param expected what it should have, for the error.
 * @throws {TypeError} it's something else, a promise for instance; the message names the callback and what it returned.
 */
export function requireAnswer<T>(
  callback: string,
  answer: unknown,
  isValid: (answer: unknown) => answer is T,
  expected: string,
): T {
  if (isValid(answer)) return answer;
  // A promise is a wrong answer, whatever becomes of it.
  onRejection(answer, () => {});
  throw invalidType(`the answer of ${callback}`, `${expected}, and no promise of it`, answer);
}
