import { type BackendHandoffEvent, backendHandoff } from '../../../machines/backendHandoff';
import type { InspectedEvent } from '../messages/InspectionMessage';
import { redact } from '../messages/redact';

type KeysOfEach<T> = T extends T ? keyof T : never;

/** All that an event of a backend's chart may show. A field that is new in the chart has to be judged here. */
const BACKEND_EVENT_FIELDS: Readonly<Record<KeysOfEach<BackendHandoffEvent> | 'input', true>> = {
  type: true,
  clientSupportsHandoff: true,
  servicePolicyEnabled: true,
  fdPressureDisabled: true,
  backendAdoptedExisting: true,
  windowElapsed: true,
  othersInFlight: true,
  failure: true,
  failedAttempts: true,
  input: true,
};

/**
 * An event as it may be shown: a JSON-safe copy without secrets.
 * @param logic of the actor that got the event; only known fields of a backend's events are let through
 */
export function inspectedEvent(event: { readonly type: string }, logic: unknown): InspectedEvent {
  if (logic !== backendHandoff) return { ...(redact(event) as InspectedEvent), type: event.type };
  const known = Object.entries(event).filter(([field]) => Object.hasOwn(BACKEND_EVENT_FIELDS, field));
  return { ...(redact(Object.fromEntries(known)) as InspectedEvent), type: event.type };
}
