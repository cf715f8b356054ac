import type { InspectedSnapshot } from './InspectionMessage';
import { boundedChartField, redact } from './redact';

/** Fields that are never redacted: they have the names of states, and a state may be called "token". */
const CHART_FIELDS = new Set(['status', 'value', 'tags', 'historyValue']);

/** Most fields copied from a snapshot. */
const MAX_FIELDS = 100;

/** A JSON-safe, bounded copy of any actor's snapshot, with secrets redacted. Never throws. */
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
    // A custom actor logic's snapshot may throw when read.
    return {};
  }
}
