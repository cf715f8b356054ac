import type { InspectedSnapshot } from './InspectionMessage';
import { boundedChartField, redact } from './redact';

/** Fields that are never redacted: they have the names of states, and a state may be called "token". */
const CHART_FIELDS = ['status', 'value', 'tags', 'historyValue'] as const;

/** A JSON-safe, bounded copy of any actor's snapshot, with secrets redacted. Never throws. */
export function plainSnapshot(snapshot: unknown): InspectedSnapshot | undefined {
  if (typeof snapshot !== 'object' || snapshot === null) return undefined;
  try {
    const json: object =
      'toJSON' in snapshot && typeof snapshot.toJSON === 'function' ? snapshot.toJSON() : snapshot;
    const fields = Object.entries(json).filter(([, value]) => value !== undefined);
    const isChart = ([field]: [string, unknown]): boolean => CHART_FIELDS.some((name) => name === field);
    const chart = fields
      .filter(isChart)
      .map(([field, value]) => [field, field === 'historyValue' ? historyIds(value) : value]);
    const data = fields.filter((field) => !isChart(field));
    return {
      ...(boundedChartField(Object.fromEntries(chart)) as object),
      ...(redact(Object.fromEntries(data)) as object),
    };
  } catch {
    // A custom actor logic's snapshot may throw when read.
    return {};
  }
}

/** The states that history states remember, as `#id`; clients send the definitions of the states, which are long. */
function historyIds(history: unknown): unknown {
  if (typeof history !== 'object' || history === null) return history;
  return Object.fromEntries(
    Object.entries(history).map(([key, states]) => [key, Array.isArray(states) ? states.map(idOf) : states]),
  );
}

function idOf(state: unknown): unknown {
  const isState =
    typeof state === 'object' && state !== null && 'id' in state && typeof state.id === 'string';
  return isState ? `#${state.id}` : state;
}
