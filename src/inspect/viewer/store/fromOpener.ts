import { definitionText } from '../../messages/definitionText';
import {
  INSPECTION_FORMAT_VERSION,
  type InspectedEvent,
  type StatelyInspectionMessage,
} from '../../messages/InspectionMessage';
import { plainSnapshot } from '../../messages/plainSnapshot';
import { redact } from '../../messages/redact';

/** Prefix of the opener's session ids: they could equal those of the relay's process. */
const PREFIX = 'opener:';

/** Whether an actor was sent by the page that opened or framed this one, not by the relay. */
export function isOpenersActor(sessionId: string): boolean {
  return sessionId.startsWith(PREFIX);
}

/** The fields of a posted message, unchecked. */
interface Posted {
  readonly type?: unknown;
  readonly sessionId?: unknown;
  readonly rootId?: unknown;
  readonly createdAt?: unknown;
  readonly name?: unknown;
  readonly parentId?: unknown;
  readonly definition?: unknown;
  readonly snapshot?: unknown;
  readonly sourceId?: unknown;
  readonly event?: unknown;
}

/** A posted message in the relay's format, checked and redacted; undefined if it's none. */
export function fromOpener(data: unknown): StatelyInspectionMessage | undefined {
  if (!isObject(data) || typeof data.sessionId !== 'string') return undefined;
  const base = {
    sessionId: PREFIX + data.sessionId,
    rootId: prefixed(data.rootId),
    createdAt: /^\d{1,16}$/.test(String(data.createdAt)) ? String(data.createdAt) : String(Date.now()),
    id: null,
    _version: INSPECTION_FORMAT_VERSION,
  };
  switch (data.type) {
    case '@xstate.actor':
      return {
        ...base,
        type: data.type,
        name: typeof data.name === 'string' ? data.name : data.sessionId,
        parentId: prefixed(data.parentId),
        definition: checkedDefinition(data.definition),
        snapshot: plainSnapshot(data.snapshot),
      };
    case '@xstate.event': {
      const event = shownEvent(data.event);
      return event && { ...base, type: data.type, sourceId: prefixed(data.sourceId), event };
    }
    case '@xstate.snapshot': {
      const event = shownEvent(data.event);
      return event && { ...base, type: data.type, event, snapshot: plainSnapshot(data.snapshot) ?? {} };
    }
    default:
      return undefined;
  }
}

function isObject(value: unknown): value is Posted {
  return typeof value === 'object' && value !== null;
}

function prefixed(id: unknown): string | undefined {
  return typeof id === 'string' ? PREFIX + id : undefined;
}

function shownEvent(event: unknown): InspectedEvent | undefined {
  if (!isObject(event) || typeof event.type !== 'string') return undefined;
  return { ...(redact(event) as InspectedEvent), type: event.type };
}

function checkedDefinition(text: unknown): string | undefined {
  try {
    const config: unknown = JSON.parse(String(text));
    return isObject(config) ? definitionText(config) : undefined;
  } catch {
    return undefined;
  }
}
