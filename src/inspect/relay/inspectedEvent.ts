import { type BackendHandoffEvent, backendHandoff } from '../../../machines/backendHandoff';
import type { InspectedEvent } from '../messages/InspectionMessage';
import { redact } from '../messages/redact';

type KeysOfEach<T> = T extends T ? keyof T : never;

/** The fields of a backend's events that are shown. The type makes a new field of the chart an error here. */
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

/** Most characters of an event's type, or an actor's name. */
const MAX_TEXT_CHARACTERS = 500;

/** A type or a name, cut if it's long. */
export function shownName(text: string): string {
  return text.length > MAX_TEXT_CHARACTERS ? `${text.slice(0, MAX_TEXT_CHARACTERS)}…` : text;
}

/**
 * A JSON-safe copy of an event with secrets redacted.
 * @param logic of the actor that got the event; a backend's events keep only known fields
 */
export function inspectedEvent(event: { readonly type: string }, logic: unknown): InspectedEvent {
  const type = shownName(event.type);
  if (logic !== backendHandoff) return { ...(redact(event) as InspectedEvent), type };
  const known = Object.entries(event).filter(([field]) => Object.hasOwn(BACKEND_EVENT_FIELDS, field));
  return { ...(redact(Object.fromEntries(known)) as InspectedEvent), type };
}
