import { z } from 'zod';

const PATTERN = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Whether a text is a valid W3C `traceparent` header: version, trace id, parent id, flags. */
export function isTraceparent(value: unknown): value is string {
  return typeof value === 'string' && PATTERN.test(value);
}

/**
 * The field in frames and messages. An invalid one counts as omitted, as W3C specifies: a field that is only logged must never
 * cost a client its connection.
 */
export const traceparentField = z
  .string()
  .regex(PATTERN)
  .optional()
  .catch(() => undefined);
