import type { InspectionEvent, Observer } from 'xstate';
import { checkObserver } from '../../controller/checkObserver';
import { onRejection } from '../../errors/onRejection';
import type { InspectionObserver } from '../../index';

/**
 * An observer that never throws, whatever an embedder's does.
 *
 * @param name the argument's or option's.
 * @param tell how it failed.
 * @throws {TypeError} if it's no observer.
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
