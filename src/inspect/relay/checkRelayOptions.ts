import {
  invalidType,
  outOfRange,
  readGiven,
  requireArray,
  requireCount,
  requireFunction,
  requireMilliseconds,
  requireObject,
  requireText,
} from '../../errors/invalidArgument';
import { type OptionNames, readOptions } from '../../errors/readOptions';
import type { RouteStats, RoutesMessage } from '../messages/InspectionMessage';
import type { InspectionRelayOptions } from './InspectionRelayOptions';
import type { InspectionSource } from './InspectionSource';

const STATELY_INSPECTOR = 'https://stately.ai/inspect';

const OPTION_NAMES: OptionNames<InspectionRelayOptions> = {
  controller: true,
  port: true,
  allowedOrigins: true,
  stately: true,
  onLeftOut: true,
};
type RoutesReport = Omit<RoutesMessage, 'type'>;
const REPORT_NAMES: OptionNames<RoutesReport> = {
  at: true,
  intervalMs: true,
  handedOff: true,
  reconnected: true,
};
const STATS_NAMES: OptionNames<RouteStats> = { count: true, latencyMs: true };
const LATENCY_NAMES: OptionNames<NonNullable<RouteStats['latencyMs']>> = { p50: true, p99: true };

/** The options of `createInspectionRelay` with defaults. */
export interface CheckedRelayOptions extends Pick<InspectionRelayOptions, 'controller' | 'onLeftOut'> {
  readonly port: number;
  readonly allowedOrigins: readonly string[];
  /** The address of Stately's inspector; undefined without the option `stately`. */
  readonly inspector: URL | undefined;
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {TypeError | RangeError} with the field and the value.
 */
export function checkRelayOptions(options: InspectionRelayOptions): CheckedRelayOptions {
  const {
    controller,
    port = 0,
    allowedOrigins = [],
    stately = false,
    onLeftOut,
  } = readOptions<InspectionRelayOptions>('options', options, OPTION_NAMES);
  if (controller !== undefined) checkSource('controller', controller);
  if (requireCount('port', port) > 65_535) throw outOfRange('port', 'an integer from 0 to 65535', port);
  requireFunction('onLeftOut', onLeftOut);
  return {
    controller,
    port,
    allowedOrigins: requireArray('allowedOrigins', allowedOrigins).map((origin, index) =>
      requireText(`allowedOrigins[${index}]`, origin, 1, Number.POSITIVE_INFINITY),
    ),
    inspector: stately === false ? undefined : checkedUrl(stately === true ? STATELY_INSPECTOR : stately),
    onLeftOut,
  };
}

/** @throws {TypeError} the value isn't an `InspectionSource`. */
export function checkSource(field: string, value: unknown): void {
  const source: Partial<Record<keyof InspectionSource, unknown>> = requireObject(field, value);
  const { inspect, delaysOf } = readGiven(field, () => ({
    inspect: source.inspect,
    delaysOf: source.delaysOf,
  }));
  if (typeof inspect !== 'function') throw invalidType(`${field}.inspect`, 'a function', inspect);
  requireFunction(`${field}.delaysOf`, delaysOf);
}

/**
 * Checks a report and returns a copy.
 *
 * @throws {TypeError | RangeError} with the field and the value.
 */
export function checkReport(value: RoutesReport): RoutesReport {
  const { at, intervalMs, handedOff, reconnected } = readOptions<RoutesReport>('report', value, REPORT_NAMES);
  return {
    at: requireMilliseconds('report.at', at),
    intervalMs: requireMilliseconds('report.intervalMs', intervalMs),
    handedOff: checkStats('report.handedOff', handedOff),
    reconnected: checkStats('report.reconnected', reconnected),
  };
}

function checkStats(field: string, value: RouteStats): RouteStats {
  const { count, latencyMs } = readOptions<RouteStats>(field, value, STATS_NAMES);
  requireCount(`${field}.count`, count);
  if (latencyMs === undefined) return { count };
  const { p50, p99 } = readOptions<NonNullable<RouteStats['latencyMs']>>(
    `${field}.latencyMs`,
    latencyMs,
    LATENCY_NAMES,
  );
  requireMilliseconds(`${field}.latencyMs.p50`, p50);
  requireMilliseconds(`${field}.latencyMs.p99`, p99);
  return { count, latencyMs: { p50, p99 } };
}

function checkedUrl(value: unknown): URL {
  if (typeof value !== 'string') throw invalidType('stately', 'a boolean or an address', value);
  if (!URL.canParse(value) || !/^https?:/.test(value)) {
    throw outOfRange('stately', 'an http address', value);
  }
  return new URL(value);
}
