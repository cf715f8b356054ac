import type { InspectionEvent, Observer } from 'xstate';
import { checkObserver } from '../../controller/checkObserver';
import { onRejection } from '../../errors/onRejection';
import type { InspectionObserver } from '../../index';

/**
 * Wraps an embedder's observer so that it never throws.
 *
 * @param name name of the argument or option, for the error.
 * @param tell called with the observer's error.
 * @throws {TypeError} `observer` is neither a function nor an observer.
 */
export function guardObserver(
  name: string,
  observer: InspectionObserver,
  tell: (cause: unknown) => void,
): (event: InspectionEvent) => void {
  checkObserver(name, observer);
  return (event) => {
    try {
      const returned: unknown =
        typeof observer === 'function'
          ? observer(event)
          : (observer as Partial<Observer<InspectionEvent>>).next?.(event);
      onRejection(returned, tell);
    } catch (cause) {
      tell(cause);
    }
  };
}
