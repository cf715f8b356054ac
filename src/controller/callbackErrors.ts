import { onRejection } from '../errors/onRejection';
import { messageOf, stackOf } from '../errors/showValue';

/** The one to tell has failed itself. */
function tellOfFailure(cause: unknown): void {
  console.error(`onCallbackError failed: ${messageOf(cause)}`);
}

function print(error: unknown): void {
  console.error(stackOf(error) ?? messageOf(error));
}

/**
 * Makes a function that tells `onError` of errors, and never throws.
 *
 * @param onError by default the error is printed with `console.error`
 */
export function callbackErrors(onError: (error: unknown) => unknown = print): (error: unknown) => void {
  return (error) => {
    try {
      onRejection(onError(error), tellOfFailure);
    } catch (cause) {
      tellOfFailure(cause);
    }
  };
}
