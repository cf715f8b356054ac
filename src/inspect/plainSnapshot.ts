import type { InspectedSnapshot } from './InspectionMessage';
import { redact } from './redact';

/** Part of the chart, not of its data: a state may well be called "token". */
const CHART_FIELDS = new Set(['status', 'value', 'tags', 'historyValue']);

/** A JSON-safe copy of any actor's snapshot, without secrets. */
export function plainSnapshot(snapshot: unknown): InspectedSnapshot | undefined {
  if (typeof snapshot !== 'object' || snapshot === null) return undefined;
  const plain: Record<string, unknown> = {};
  const fields = 'toJSON' in snapshot && typeof snapshot.toJSON === 'function' ? snapshot.toJSON() : snapshot;
  for (const [field, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    plain[field] = CHART_FIELDS.has(field) ? value : redact(value);
  }
  return plain;
}
