import type { InspectionEvent, Observer } from 'xstate';
import { invalidType, readGiven, requireFunction, requireObject } from '../errors/invalidArgument';
import { type OptionNames, requireMembers } from '../errors/readOptions';

const OBSERVER_METHODS: OptionNames<Observer<InspectionEvent>> = { next: true, error: true, complete: true };

/**
 * Checks XState's inspection observer: a function, or an object with at least one of its methods.
 * @throws TypeError something else
 */
export function checkObserver(field: string, value: unknown): void {
  if (typeof value === 'function') return;
  const given = requireObject(field, value);
  requireFunction(
    `${field}.next`,
    readGiven(`${field}.next`, () => (given as Partial<Observer<InspectionEvent>>).next),
  );
  const observer = requireMembers<Observer<InspectionEvent>>(field, given, OBSERVER_METHODS);
  const methods = readGiven(field, () => [observer.next, observer.error, observer.complete]);
  if (!methods.some((method) => typeof method === 'function')) {
    throw invalidType(field, 'a function or an observer', value);
  }
}
