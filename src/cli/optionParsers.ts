import { InvalidArgumentError } from 'commander';
import ms from 'ms';
import { HandoffFallbackPolicy } from '../index';

const MAX_DURATION_MS = 24 * 3_600_000;

function durationOf(text: string): number | undefined {
  // Require a unit: `ms` would take `--duration 10` as milliseconds.
  return /^\d+(\.\d+)?\s*[a-z]+$/i.test(text.trim()) ? ms(text.trim() as ms.StringValue) : undefined;
}

/**
 * Parses a duration such as `10s`, `500ms` or `2m`, from 1 ms to 24 hours, to milliseconds.
 * @throws {InvalidArgumentError} for any other text
 */
export function parseDuration(text: string): number {
  const duration = durationOf(text);
  if (duration === undefined || duration < 1 || duration > MAX_DURATION_MS) {
    throw new InvalidArgumentError(`"${text}" is not a duration such as 500ms, 10s or 2m, up to 24h.`);
  }
  return duration;
}

/** Returns a parser of integers from 1 to `max`. */
export function parseCount(max: number): (text: string) => number {
  return (text) => {
    const count = /^\d+$/.test(text) ? Number(text) : 0;
    if (count < 1 || count > max) {
      throw new InvalidArgumentError(`"${text}" is not an integer from 1 to ${max}.`);
    }
    return count;
  };
}

/** Parses a TCP port, 0 to 65,535. */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new InvalidArgumentError(`"${text}" is not a port from 0 to 65535.`);
  return port;
}

/** Parses a policy of failed attempts per window, such as `8/30s`. */
export function parsePolicy(text: string): HandoffFallbackPolicy {
  const [attempts = '', window = '', ...rest] = text.split('/');
  const failedAttemptWindowMs = durationOf(window);
  if (!/^\d+$/.test(attempts) || failedAttemptWindowMs === undefined || rest.length > 0) {
    throw new InvalidArgumentError(`"${text}" is not a policy such as 8/30s: failed attempts per window.`);
  }
  try {
    return new HandoffFallbackPolicy({ maxFailedAttemptsPerWindow: Number(attempts), failedAttemptWindowMs });
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
