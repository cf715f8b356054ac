import { type CopyLimits, copyBounded } from './copyBounded';

/** Names of fields that may hold a secret. */
const SECRET_FIELD =
  /token|secret|password|passwd|authorization|cookie|credential|api_?key|early_?data|payload/i;

const DATA: CopyLimits = { isHidden: (field) => SECRET_FIELD.test(field), maxItems: 100 };

/** For state names: never redacted, and with more items. */
const CHART: CopyLimits = { isHidden: () => false, maxItems: 2_000 };

/**
 * A JSON-safe copy for display: secrets, binary data and functions are replaced, and its total size is bounded. Never throws.
 *
 * @param path the value's place, for references to it
 */
export function redact(value: unknown, path = ''): unknown {
  return copyBounded(value, path, DATA);
}

/** As {@link redact}, for names of states: redacts nothing and has more items. */
export function boundedChartField(value: unknown): unknown {
  return copyBounded(value, '', CHART);
}
