import {
  invalidType,
  outOfRange,
  readGiven,
  requireBoolean,
  requireObject,
  requireSpan,
  requireText,
} from '../errors/invalidArgument';
import { MAX_TIMER_MS } from '../errors/maxTimerMs';
import { type OptionNames, readOptions } from '../errors/readOptions';
import { requireSocketPath } from '../net/requireSocketPath';
import { isTraceparent } from '../protocol/traceparent';
import { MAX_EARLY_DATA_BYTES } from '../protocol/wireLimits';
import type { ConnectOptions } from './ConnectOptions';
import type { RoundOptions } from './ConnectRound';
import { copyBytes } from './copyBytes';

const OPTION_NAMES: OptionNames<ConnectOptions> = {
  socketPath: true,
  service: true,
  version: true,
  handoff: true,
  earlyData: true,
  allowHalfOpen: true,
  connectTimeoutMs: true,
  brokerWaitMs: true,
  traceparent: true,
  signal: true,
  expectsReply: true,
};

/** The options of `connect` with defaults. */
export interface CheckedConnectOptions extends RoundOptions {
  readonly connectTimeoutMs: number;
  readonly brokerWaitMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {TypeError | RangeError} with the field and the value.
 */
export function checkConnectOptions(options: ConnectOptions): CheckedConnectOptions {
  const {
    version = '*',
    handoff = true,
    earlyData = '',
    allowHalfOpen = false,
    connectTimeoutMs = 10_000,
    brokerWaitMs,
    expectsReply = true,
    socketPath,
    service,
    signal,
    traceparent,
  } = readOptions('options', options, OPTION_NAMES);
  requireSocketPath('socketPath', socketPath);
  requireText('service', service, 1, 256);
  requireText('version', version, 1, 128);
  requireBoolean('handoff', handoff);
  requireBoolean('allowHalfOpen', allowHalfOpen);
  requireBoolean('expectsReply', expectsReply);
  requireSpan('connectTimeoutMs', connectTimeoutMs, 1, MAX_TIMER_MS);
  if (brokerWaitMs !== undefined) requireSpan('brokerWaitMs', brokerWaitMs, 0, MAX_TIMER_MS);
  if (signal !== undefined) checkSignal(signal);
  if (traceparent !== undefined && typeof traceparent !== 'string') {
    throw invalidType('traceparent', 'a string', traceparent);
  }
  if (traceparent !== undefined && !isTraceparent(traceparent)) {
    throw outOfRange('traceparent', 'in the form of W3C\u2019s header traceparent', traceparent);
  }
  // Copy: it may be sent again after the caller has changed the original.
  const bytes = copyBytes('earlyData', earlyData);
  return {
    socketPath,
    service,
    version,
    handoff,
    allowHalfOpen,
    connectTimeoutMs,
    brokerWaitMs,
    expectsReply,
    signal,
    traceparent,
    earlyData: bytes.subarray(0, MAX_EARLY_DATA_BYTES),
    furtherData: bytes.subarray(MAX_EARLY_DATA_BYTES),
  };
}

/** `instanceof` fails for an AbortSignal of another realm. */
function checkSignal(value: unknown): void {
  const signal: Partial<AbortSignal> = requireObject('signal', value);
  const { aborted, addEventListener, removeEventListener } = readGiven('signal', () => ({
    aborted: signal.aborted,
    addEventListener: signal.addEventListener,
    removeEventListener: signal.removeEventListener,
  }));
  if (
    typeof aborted !== 'boolean' ||
    typeof addEventListener !== 'function' ||
    typeof removeEventListener !== 'function'
  ) {
    throw invalidType('signal', 'an AbortSignal', value);
  }
}
