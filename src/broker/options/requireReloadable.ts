import { isDeepStrictEqual } from 'node:util';
import { BrokerError } from '../BrokerError';
import type { BrokerOptions } from './BrokerOptions';
import type { CheckedBrokerOptions } from './checkBrokerOptions';

// A change would need another broker or controller.
const FIXED = ['socketPath', 'instance', 'stateDirectory', 'endpointDirectory', 'backlog'] as const;
// Fixed too, but may be omitted.
const FIXED_IF_GIVEN = ['clock', 'inspect', 'transport'] as const;
// A running process keeps what it was started with.
const FIXED_OF_SERVICE = ['module', 'args', 'env', 'execArgv', 'cwd', 'logFile'] as const;

/**
 * Checks that a running broker can change to other options.
 *
 * @param given `next` before its defaults were added.
 * @throws {BrokerError} `notReloadable`; the message names every field that can't change.
 */
export function requireReloadable(
  present: CheckedBrokerOptions,
  next: CheckedBrokerOptions,
  given: BrokerOptions,
): void {
  const fields: string[] = FIXED.filter((field) => present[field] !== next[field]);
  fields.push(
    ...FIXED_IF_GIVEN.filter((field) => given[field] !== undefined && given[field] !== present[field]),
  );
  const { maxFailedAttemptsPerWindow, failedAttemptWindowMs } = next.policy;
  if (
    present.policy.maxFailedAttemptsPerWindow !== maxFailedAttemptsPerWindow ||
    present.policy.failedAttemptWindowMs !== failedAttemptWindowMs
  ) {
    fields.push('policy');
  }
  for (const service of next.services) {
    const { name, version } = service;
    const before = present.services.find((each) => each.name === name && each.version === version);
    if (before === undefined) continue;
    const changed = FIXED_OF_SERVICE.filter((field) => !isDeepStrictEqual(before[field], service[field]));
    fields.push(...changed.map((field) => `${field} of ${name}@${version}`));
  }
  if (fields.length === 0) return;
  throw new BrokerError(
    'notReloadable',
    `a running broker can't change ${fields.join(', ')}: start a new one, or give the service another version`,
  );
}
