import { resolve } from 'node:path';
import { valid } from 'semver';
import { DEFAULT_INSTANCE } from '../controller/BackendKey';
import { countCharacters } from '../errors/characters';
import {
  invalidType,
  outOfRange,
  requireCount,
  requireMilliseconds,
  requireObject,
} from '../errors/invalidArgument';
import { HandoffFallbackPolicy } from '../index';
import { maxSocketPathBytes } from '../wire/maxSocketPathBytes';
import { MAX_DEADLINE_MS } from '../wire/wireLimits';
import { BrokerError } from './BrokerError';
import type { AdoptableBackend, BrokerOptions, BrokerService } from './BrokerOptions';
import { createScmRightsTransport } from './createScmRightsTransport';
import { defaultLogFile } from './defaultLogFile';
import type { HandoffTransport } from './HandoffTransport';

const MAX_TIMER_MS = 2 ** 31 - 1;

/** A service with its defaults filled in. */
export interface CheckedService {
  readonly name: string;
  readonly version: string;
  readonly module: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly execArgv: readonly string[];
  readonly cwd: string | undefined;
  readonly handoff: boolean;
  readonly ackDeadlineMs: number;
  readonly logFile: string | undefined;
}

/** The options of a broker with their defaults filled in. */
export interface CheckedBrokerOptions
  extends Pick<BrokerOptions, 'clock' | 'inspect' | 'snapshot' | 'adjustInputs' | 'endpointDirectory'> {
  readonly socketPath: string;
  readonly services: readonly CheckedService[];
  readonly policy: HandoffFallbackPolicy;
  readonly instance: string;
  readonly adopt: readonly AdoptableBackend[];
  readonly startTimeoutMs: number;
  readonly stopTimeoutMs: number;
  readonly helloTimeoutMs: number;
  readonly maxConnections: number;
  readonly maxTransfers: number;
  readonly maxTransfersPerBackend: number;
  readonly fdPressure: (() => boolean) | undefined;
  readonly transport: HandoffTransport;
  readonly stateDirectory: string | undefined;
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {TypeError | RangeError} with the field and the value.
 * @throws {BrokerError} `pathTooLong`.
 */
export function checkBrokerOptions(options: BrokerOptions): CheckedBrokerOptions {
  requireObject('options', options);
  const socketPath = requireText('socketPath', options.socketPath, 1, Number.POSITIVE_INFINITY);
  checkPathLength('socketPath', socketPath);
  const ackDeadlineMs = requireSpan('ackDeadlineMs', options.ackDeadlineMs ?? 1000, MAX_DEADLINE_MS);
  const stateDirectory = optionalPath('stateDirectory', options.stateDirectory);
  const services = requireArray('services', options.services).map((service, index) =>
    checkService(`services[${index}]`, service as BrokerService, ackDeadlineMs, stateDirectory),
  );
  if (services.length === 0) throw outOfRange('services', 'at least one service', '[]');
  const names = new Set<string>();
  for (const [index, { name, version }] of services.entries()) {
    const text = JSON.stringify([name, version]);
    if (names.has(text)) throw outOfRange(`services[${index}]`, 'a service of its own', `${name}@${version}`);
    names.add(text);
  }
  const { policy } = options;
  const instance = options.instance ?? DEFAULT_INSTANCE;
  if (typeof instance !== 'string') throw invalidType('instance', 'a string', instance);
  return {
    socketPath,
    services,
    policy: policy instanceof HandoffFallbackPolicy ? policy : new HandoffFallbackPolicy(policy),
    instance,
    clock: options.clock,
    inspect: options.inspect,
    snapshot: options.snapshot,
    adopt: requireArray('adopt', options.adopt ?? []).map((value, index) =>
      checkAdoptable(`adopt[${index}]`, value as AdoptableBackend),
    ),
    startTimeoutMs: requireSpan('startTimeoutMs', options.startTimeoutMs ?? 10_000),
    stopTimeoutMs: requireSpan('stopTimeoutMs', options.stopTimeoutMs ?? 5000),
    helloTimeoutMs: requireSpan('helloTimeoutMs', options.helloTimeoutMs ?? 5000),
    maxConnections: requireBound('maxConnections', options.maxConnections ?? 4096),
    maxTransfers: requireBound('maxTransfers', options.maxTransfers ?? 1024),
    maxTransfersPerBackend: requireBound('maxTransfersPerBackend', options.maxTransfersPerBackend ?? 256),
    fdPressure: requireFunction('fdPressure', options.fdPressure),
    adjustInputs: requireFunction('adjustInputs', options.adjustInputs),
    transport: checkTransport(options.transport ?? createScmRightsTransport()),
    endpointDirectory: optionalPath('endpointDirectory', options.endpointDirectory),
    stateDirectory,
  };
}

/** Throws a `BrokerError` `pathTooLong` for a socket's path over the platform's bound. */
export function checkPathLength(field: string, path: string): void {
  const max = maxSocketPathBytes();
  if (Buffer.byteLength(path) > max) {
    throw new BrokerError('pathTooLong', `${field} must have at most ${max} bytes: ${path}`);
  }
}

function checkService(
  field: string,
  service: BrokerService,
  ackDeadlineMs: number,
  stateDirectory: string | undefined,
): CheckedService {
  requireObject(field, service);
  const version = requireText(`${field}.version`, service.version, 1, 128);
  if (valid(version) !== version) {
    throw outOfRange(`${field}.version`, 'a semantic version such as 1.4.2', version);
  }
  const name = requireText(`${field}.name`, service.name, 1, 256);
  return {
    name,
    version,
    module: requireText(`${field}.module`, service.module, 1, Number.POSITIVE_INFINITY),
    args: requireTexts(`${field}.args`, service.args ?? []),
    env: requireObject(`${field}.env`, service.env ?? {}) as Record<string, string | undefined>,
    execArgv: requireTexts(`${field}.execArgv`, service.execArgv ?? []),
    cwd: optionalText(`${field}.cwd`, service.cwd),
    handoff: requireBoolean(`${field}.handoff`, service.handoff ?? true),
    ackDeadlineMs: requireSpan(
      `${field}.ackDeadlineMs`,
      service.ackDeadlineMs ?? ackDeadlineMs,
      MAX_DEADLINE_MS,
    ),
    logFile:
      optionalText(`${field}.logFile`, service.logFile) ??
      (stateDirectory === undefined ? undefined : defaultLogFile(stateDirectory, name, version)),
  };
}

function checkAdoptable(field: string, value: AdoptableBackend): AdoptableBackend {
  requireObject(field, value);
  const pid = requireCount(`${field}.pid`, value.pid);
  // 0 and 1 would be a signal to the own process group or to init.
  if (pid < 2) throw outOfRange(`${field}.pid`, 'the id of a process', pid);
  const backend = requireText(`${field}.backend`, value.backend, 32, 32);
  if (!/^[0-9a-f]{32}$/.test(backend)) {
    throw outOfRange(`${field}.backend`, '32 lower-case hexadecimal digits', backend);
  }
  return {
    serviceName: requireText(`${field}.serviceName`, value.serviceName, 1, 256),
    serviceVersion: requireText(`${field}.serviceVersion`, value.serviceVersion, 1, 128),
    endpoint: resolve(requireText(`${field}.endpoint`, value.endpoint, 1, Number.POSITIVE_INFINITY)),
    backend,
    pid,
    ...(value.processStart === undefined
      ? {}
      : { processStart: requireText(`${field}.processStart`, value.processStart, 1, 256) }),
  };
}

function checkTransport(transport: HandoffTransport): HandoffTransport {
  requireObject('transport', transport);
  requireBoolean('transport.supported', transport.supported);
  if (typeof transport.send !== 'function') throw invalidType('transport.send', 'a function', transport.send);
  return transport;
}

function requireText(field: string, value: unknown, min: number, max: number): string {
  if (typeof value !== 'string') throw invalidType(field, 'a string', value);
  if (value.length < min || (value.length > max && countCharacters(value) > max)) {
    const bounds = max === Number.POSITIVE_INFINITY ? 'not be empty' : `have ${min} to ${max} characters`;
    throw outOfRange(field, `a string; it must ${bounds}`, value);
  }
  if (value.includes('\0')) throw outOfRange(field, 'a string without a zero character', value);
  return value;
}

function optionalText(field: string, value: unknown): string | undefined {
  return value === undefined ? undefined : requireText(field, value, 1, Number.POSITIVE_INFINITY);
}

/** Absolute: backends and clients, which have directories of their own, are told what is in it. */
function optionalPath(field: string, value: unknown): string | undefined {
  const path = optionalText(field, value);
  return path === undefined ? undefined : resolve(path);
}

function requireArray(field: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw invalidType(field, 'an array', value);
  return value;
}

function requireTexts(field: string, value: unknown): readonly string[] {
  return requireArray(field, value).map((item, index) =>
    requireText(`${field}[${index}]`, item, 0, Number.POSITIVE_INFINITY),
  );
}

function requireBoolean(field: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalidType(field, 'a boolean', value);
  return value;
}

function requireFunction<T>(field: string, value: T | undefined): T | undefined {
  if (value !== undefined && typeof value !== 'function') throw invalidType(field, 'a function', value);
  return value;
}

function requireSpan(field: string, value: unknown, max = MAX_TIMER_MS): number {
  const ms = requireMilliseconds(field, value);
  if (ms < 1 || ms > max) throw outOfRange(field, `milliseconds from 1 to ${max}`, value);
  return ms;
}

function requireBound(field: string, value: unknown): number {
  const count = requireCount(field, value);
  if (count < 1) throw outOfRange(field, 'an integer from 1', value);
  return count;
}
