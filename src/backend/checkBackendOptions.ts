import {
  invalidType,
  outOfRange,
  requireBoolean,
  requireCount,
  requireFunction,
  requireSpan,
  requireText,
} from '../errors/invalidArgument';
import { MAX_TIMER_MS } from '../errors/maxTimerMs';
import { type OptionNames, readOptions } from '../errors/readOptions';
import { DEFAULT_BACKLOG } from '../net/defaultBacklog';
import { requireBacklog } from '../net/requireBacklog';
import { requireSocketPath } from '../net/requireSocketPath';
import { type BackendIdentity, isBackendId } from '../protocol/backendIdentity';
import type { ServeBackendOptions } from './BackendOptions';

const OPTION_NAMES: OptionNames<ServeBackendOptions> = {
  onConnection: true,
  refuseHandoff: true,
  claimTtlMs: true,
  maxClaims: true,
  helloTimeoutMs: true,
  maxPendingAttaches: true,
  backlog: true,
  identity: true,
  endpoint: true,
  surviveBroker: true,
  onError: true,
};
const IDENTITY_NAMES: OptionNames<BackendIdentity> = {
  backend: true,
  serviceName: true,
  serviceVersion: true,
  endpoint: true,
  replica: true,
};

/** The options of `serveBackend` with their defaults filled in. */
export interface CheckedBackendOptions
  extends Pick<ServeBackendOptions, 'onConnection' | 'refuseHandoff' | 'identity' | 'endpoint' | 'onError'> {
  readonly claimTtlMs: number;
  readonly maxClaims: number;
  readonly helloTimeoutMs: number;
  readonly maxPendingAttaches: number;
  readonly backlog: number;
  readonly surviveBroker: boolean;
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {TypeError | RangeError} with the field and the value.
 */
export function checkBackendOptions(options: ServeBackendOptions): CheckedBackendOptions {
  const {
    onConnection,
    refuseHandoff,
    onError,
    identity,
    endpoint,
    claimTtlMs = 60_000,
    maxClaims = 262_144,
    helloTimeoutMs = 5000,
    maxPendingAttaches = 1024,
    backlog = DEFAULT_BACKLOG,
    surviveBroker = true,
  } = readOptions('options', options, OPTION_NAMES);
  if (typeof onConnection !== 'function') throw invalidType('onConnection', 'a function', onConnection);
  requireFunction('refuseHandoff', refuseHandoff);
  requireFunction('onError', onError);
  requireBoolean('surviveBroker', surviveBroker);
  requireSpan('claimTtlMs', claimTtlMs, 1, Number.MAX_SAFE_INTEGER);
  requireSpan('helloTimeoutMs', helloTimeoutMs, 1, MAX_TIMER_MS);
  requireCount('maxClaims', maxClaims, 1);
  requireCount('maxPendingAttaches', maxPendingAttaches, 1);
  return {
    onConnection,
    refuseHandoff,
    onError,
    identity: identity === undefined ? undefined : checkIdentity(identity),
    endpoint: endpoint === undefined ? undefined : requireSocketPath('endpoint', endpoint),
    claimTtlMs,
    maxClaims,
    helloTimeoutMs,
    maxPendingAttaches,
    backlog: requireBacklog(backlog),
    surviveBroker,
  };
}

function checkIdentity(value: unknown): BackendIdentity {
  const { backend, serviceName, serviceVersion, endpoint, replica } = readOptions(
    'identity',
    value,
    IDENTITY_NAMES,
  );
  if (typeof backend !== 'string') throw invalidType('identity.backend', 'a string', backend);
  if (!isBackendId(backend)) {
    throw outOfRange('identity.backend', '32 lower-case hexadecimal digits', backend);
  }
  return {
    backend,
    serviceName: requireText('identity.serviceName', serviceName, 0, 256),
    serviceVersion: requireText('identity.serviceVersion', serviceVersion, 0, 128),
    endpoint: requireSocketPath('identity.endpoint', endpoint),
    ...(replica === undefined ? {} : { replica: requireCount('identity.replica', replica, 2) }),
  };
}
