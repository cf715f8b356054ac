import { resolve } from 'node:path';
import { DEFAULT_INSTANCE } from '../../controller/BackendKey';
import { checkClock } from '../../controller/Clock';
import { checkObserver } from '../../controller/checkObserver';
import { toPolicy } from '../../controller/HandoffFallbackPolicy';
import { checkPersistedSnapshot } from '../../controller/PersistedHandoffSnapshot';
import {
  invalidType,
  outOfRange,
  readGiven,
  requireArray,
  requireBoolean,
  requireCount,
  requireFunction,
  requireSpan,
  requireText,
} from '../../errors/invalidArgument';
import { MAX_TIMER_MS } from '../../errors/maxTimerMs';
import { type OptionNames, readOptions, requireMembers, requireNamedValues } from '../../errors/readOptions';
import { showName } from '../../errors/showValue';
import type { HandoffFallbackPolicy } from '../../index';
import { DEFAULT_BACKLOG } from '../../net/defaultBacklog';
import { maxSocketPathBytes } from '../../net/maxSocketPathBytes';
import { requireBacklog } from '../../net/requireBacklog';
import { requireSocketPath } from '../../net/requireSocketPath';
import { isBackendId } from '../../protocol/backendIdentity';
import { MAX_DEADLINE_MS, MAX_REPLICAS } from '../../protocol/wireLimits';
import { BrokerError } from '../BrokerError';
import { createScmRightsTransport } from '../channels/createScmRightsTransport';
import type { HandoffTransport } from '../channels/HandoffTransport';
import type { AdoptableBackend, BrokerOptions, BrokerService } from './BrokerOptions';
import { defaultLogFile } from './defaultLogFile';
import { isVersion } from './isVersion';

const ANY = Number.POSITIVE_INFINITY;

const DEFAULTS = {
  instance: DEFAULT_INSTANCE,
  adopt: [],
  ackDeadlineMs: 1000,
  startTimeoutMs: 10_000,
  stopTimeoutMs: 5000,
  helloTimeoutMs: 5000,
  backlog: DEFAULT_BACKLOG,
  maxConnections: 4096,
  maxTransfers: 1024,
  maxTransfersPerBackend: 256,
} as const satisfies Partial<BrokerOptions>;
const SERVICE_DEFAULTS = {
  args: [],
  env: {},
  execArgv: [],
  replicas: 1,
  handoff: true,
} as const satisfies Partial<BrokerService>;

const OPTION_NAMES: OptionNames<BrokerOptions> = {
  socketPath: true,
  services: true,
  policy: true,
  instance: true,
  clock: true,
  inspect: true,
  stateDirectory: true,
  snapshot: true,
  adopt: true,
  ackDeadlineMs: true,
  startTimeoutMs: true,
  stopTimeoutMs: true,
  helloTimeoutMs: true,
  backlog: true,
  maxConnections: true,
  maxTransfers: true,
  maxTransfersPerBackend: true,
  fdPressure: true,
  adjustInputs: true,
  transport: true,
  endpointDirectory: true,
};
const SERVICE_NAMES: OptionNames<BrokerService> = {
  name: true,
  version: true,
  module: true,
  args: true,
  env: true,
  execArgv: true,
  cwd: true,
  replicas: true,
  handoff: true,
  ackDeadlineMs: true,
  logFile: true,
};
const ADOPTABLE_NAMES: OptionNames<AdoptableBackend> = {
  serviceName: true,
  serviceVersion: true,
  endpoint: true,
  backend: true,
  pid: true,
  replica: true,
  processStart: true,
};
const TRANSPORT_NAMES: OptionNames<HandoffTransport> = {
  supported: true,
  limitation: true,
  nodeIpc: true,
  open: true,
};

/** A service with defaults. */
export interface CheckedService {
  readonly name: string;
  readonly version: string;
  readonly module: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly execArgv: readonly string[];
  readonly cwd: string | undefined;
  readonly replicas: number;
  readonly handoff: boolean;
  readonly ackDeadlineMs: number;
  readonly logFile: string | undefined;
}

/** The options of a broker with defaults. */
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
  readonly backlog: number;
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
 * @throws {TypeError | RangeError} an option is invalid or unknown; the message names the field and the value.
 * @throws {BrokerError} `pathTooLong`.
 */
export function checkBrokerOptions(options: BrokerOptions): CheckedBrokerOptions {
  const given = { ...DEFAULTS, ...readOptions<BrokerOptions>('options', options, OPTION_NAMES) };
  const { instance, policy, clock, inspect } = given;
  const socketPath = requirePath('socketPath', given.socketPath);
  checkPathLength('socketPath', socketPath);
  const ackDeadlineMs = requireSpan('ackDeadlineMs', given.ackDeadlineMs, 1, MAX_DEADLINE_MS);
  const stateDirectory = optionalAbsolutePath('stateDirectory', given.stateDirectory);
  if (typeof instance !== 'string') throw invalidType('instance', 'a string', instance);
  requireFunction('fdPressure', given.fdPressure);
  requireFunction('adjustInputs', given.adjustInputs);
  if (inspect !== undefined) checkObserver('inspect', inspect);
  return {
    socketPath,
    services: checkServices(given.services, ackDeadlineMs, stateDirectory),
    policy: toPolicy(policy),
    instance,
    clock: clock === undefined ? undefined : checkClock(clock),
    inspect,
    snapshot: given.snapshot === undefined ? undefined : checkPersistedSnapshot(given.snapshot),
    adopt: requireArray('adopt', given.adopt).map((value, index) => checkAdoptable(`adopt[${index}]`, value)),
    startTimeoutMs: requireSpan('startTimeoutMs', given.startTimeoutMs, 1, MAX_TIMER_MS),
    stopTimeoutMs: requireSpan('stopTimeoutMs', given.stopTimeoutMs, 1, MAX_TIMER_MS),
    helloTimeoutMs: requireSpan('helloTimeoutMs', given.helloTimeoutMs, 1, MAX_TIMER_MS),
    backlog: requireBacklog(given.backlog),
    maxConnections: requireCount('maxConnections', given.maxConnections, 1),
    maxTransfers: requireCount('maxTransfers', given.maxTransfers, 1),
    maxTransfersPerBackend: requireCount('maxTransfersPerBackend', given.maxTransfersPerBackend, 1),
    fdPressure: given.fdPressure,
    adjustInputs: given.adjustInputs,
    transport: given.transport === undefined ? createScmRightsTransport() : checkTransport(given.transport),
    endpointDirectory: optionalAbsolutePath('endpointDirectory', given.endpointDirectory),
    stateDirectory,
  };
}

/**
 * Checks a socket's path; the system would truncate one that is too long. Every path that a broker or its commands listen on
 * or connect to is checked here.
 *
 * @throws {RangeError} the path is empty or contains a zero character.
 * @throws {BrokerError} `pathTooLong`.
 */
export function checkPathLength(field: string, path: string): void {
  const max = maxSocketPathBytes();
  if (Buffer.byteLength(path) > max) {
    throw new BrokerError('pathTooLong', `${field} must have at most ${max} bytes: ${path}`);
  }
  requireSocketPath(field, path);
}

function checkServices(
  value: unknown,
  ackDeadlineMs: number,
  stateDirectory: string | undefined,
): readonly CheckedService[] {
  const services = requireArray('services', value).map((service, index) =>
    checkService(`services[${index}]`, service, ackDeadlineMs, stateDirectory),
  );
  if (services.length === 0) throw outOfRange('services', 'an array with at least one service', value);
  const first = new Map<string, number>();
  for (const [index, { name, version }] of services.entries()) {
    const text = JSON.stringify([name, version]);
    const same = first.get(text);
    if (same !== undefined) {
      const expected = `of another name or version than services[${same}]`;
      throw outOfRange(`services[${index}]`, expected, `${name}@${version}`);
    }
    first.set(text, index);
  }
  return services;
}

function checkService(
  field: string,
  value: unknown,
  ackDeadlineMs: number,
  stateDirectory: string | undefined,
): CheckedService {
  const service = {
    ...SERVICE_DEFAULTS,
    ackDeadlineMs,
    ...readOptions<BrokerService>(field, value, SERVICE_NAMES),
  };
  const name = requireText(`${field}.name`, service.name, 1, 256);
  const version = requireText(`${field}.version`, service.version, 1, 128);
  if (!isVersion(version)) throw outOfRange(`${field}.version`, 'a semantic version such as 1.4.2', version);
  return {
    name,
    version,
    module: requirePath(`${field}.module`, service.module),
    args: requireTexts(`${field}.args`, service.args),
    env: checkEnvironment(`${field}.env`, service.env),
    execArgv: requireTexts(`${field}.execArgv`, service.execArgv),
    cwd: optionalPath(`${field}.cwd`, service.cwd),
    replicas: requireCount(`${field}.replicas`, service.replicas, 1, MAX_REPLICAS),
    handoff: requireBoolean(`${field}.handoff`, service.handoff),
    ackDeadlineMs: requireSpan(`${field}.ackDeadlineMs`, service.ackDeadlineMs, 1, MAX_DEADLINE_MS),
    logFile:
      optionalPath(`${field}.logFile`, service.logFile) ??
      (stateDirectory === undefined ? undefined : defaultLogFile(stateDirectory, name, version)),
  };
}

function checkAdoptable(field: string, value: unknown): AdoptableBackend {
  const given = readOptions<AdoptableBackend>(field, value, ADOPTABLE_NAMES);
  // A signal to 0 would go to the own process group, one to 1 to init.
  const pid = requireCount(`${field}.pid`, given.pid, 2);
  const backend = requireText(`${field}.backend`, given.backend, 32, 32);
  if (!isBackendId(backend)) {
    throw outOfRange(`${field}.backend`, '32 lower-case hexadecimal digits', backend);
  }
  return {
    serviceName: requireText(`${field}.serviceName`, given.serviceName, 1, 256),
    serviceVersion: requireText(`${field}.serviceVersion`, given.serviceVersion, 1, 128),
    endpoint: resolve(requirePath(`${field}.endpoint`, given.endpoint)),
    backend,
    pid,
    ...(given.replica === undefined ? {} : { replica: requireCount(`${field}.replica`, given.replica, 2) }),
    ...(given.processStart === undefined
      ? {}
      : { processStart: requireText(`${field}.processStart`, given.processStart, 1, 256) }),
  };
}

/** Returns the object itself, since its methods may use `this`. */
function checkTransport(value: unknown): HandoffTransport {
  const transport = requireMembers<HandoffTransport>('transport', value, TRANSPORT_NAMES);
  const { supported, nodeIpc, open } = readGiven('transport', () => ({
    supported: transport.supported,
    nodeIpc: transport.nodeIpc,
    open: transport.open,
  }));
  requireBoolean('transport.supported', supported);
  if (nodeIpc !== undefined) requireBoolean('transport.nodeIpc', nodeIpc);
  if (open === undefined) throw invalidType('transport.open', 'a function', undefined);
  requireFunction('transport.open', open);
  return transport;
}

/** Checks that the system accepts the names and values. */
function checkEnvironment(field: string, value: unknown): Readonly<Record<string, string | undefined>> {
  const given = requireNamedValues(field, value, 'an object with the name and the value of each variable');
  const variables = readGiven(field, () => Object.entries(given)).map(([name, text]) => {
    if (name === '' || /[=\0]/.test(name)) {
      throw outOfRange(field, 'of names that are not empty, without "=" and zero characters', name);
    }
    const variable = `${field}.${showName(name)}`;
    if (text === undefined) return [name, undefined];
    return [name, requireNoZero(variable, requireText(variable, text, 0, ANY))];
  });
  return Object.fromEntries(variables);
}

function requireNoZero(field: string, text: string): string {
  if (text.includes('\0')) throw outOfRange(field, 'a string without a zero character', text);
  return text;
}

function requirePath(field: string, value: unknown): string {
  return requireNoZero(field, requireText(field, value, 1, ANY));
}

function optionalPath(field: string, value: unknown): string | undefined {
  return value === undefined ? undefined : requirePath(field, value);
}

/** Absolute, since clients and backends with other working directories get paths below it. */
function optionalAbsolutePath(field: string, value: unknown): string | undefined {
  const path = optionalPath(field, value);
  return path === undefined ? undefined : resolve(path);
}

function requireTexts(field: string, value: unknown): readonly string[] {
  return requireArray(field, value).map((item, index) =>
    requireNoZero(`${field}[${index}]`, requireText(`${field}[${index}]`, item, 0, ANY)),
  );
}
