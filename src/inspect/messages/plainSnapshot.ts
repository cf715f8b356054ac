import type { InspectedSnapshot } from './InspectionMessage';
import { boundedChartField, redact } from './redact';

/** Part of the chart, not of its data: a state may well be called "token". */
const CHART_FIELDS = new Set(['status', 'value', 'tags', 'historyValue']);

/** Fields of one snapshot. */
const MAX_FIELDS = 100;

/** A JSON-safe and bounded copy of any actor's snapshot, without secrets. Never throws. */
export function plainSnapshot(snapshot: unknown): InspectedSnapshot | undefined {
  if (typeof snapshot !== 'object' || snapshot === null) return undefined;
  try {
    const json = 'toJSON' in snapshot && typeof snapshot.toJSON === 'function' ? snapshot.toJSON() : snapshot;
    const fields: [string, unknown][] = Object.entries(json).filter(([, value]) => value !== undefined);
    return Object.fromEntries(
      fields
        .slice(0, MAX_FIELDS)
        .map(([field, value]) => [field, CHART_FIELDS.has(field) ? boundedChartField(value) : redact(value)]),
    );
  } catch {
    // The snapshot of an actor logic of the app's own.
    return {};
  }
}
