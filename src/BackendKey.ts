import { invalidType, outOfRange, requireObject } from './invalidArgument';

/** Names a backend by its parts. Two keys name the same backend only if every field is equal. */
export interface BackendKey {
  /** Which broker the backend belongs to, on a host that runs several. May be empty. */
  readonly instance: string;
  /** May be empty. */
  readonly serviceName: string;
  /** May be empty. */
  readonly serviceVersion: string;
}

/** A backend: by its parts, or by any non-empty string. A string never names the same backend as a `BackendKey`. */
export type BackendId = string | BackendKey;

/** The instance of a broker that has its host to itself. */
export const DEFAULT_INSTANCE = 'shared';

/** A checked, immutable copy. Throws a TypeError or RangeError that names the field and the value. */
export function checkBackendId(backend: unknown): BackendId {
  if (typeof backend === 'string') {
    if (backend === '') throw outOfRange('backend', 'a non-empty string', backend);
    return backend;
  }
  const { instance, serviceName, serviceVersion } = requireObject('backend', backend);
  if (typeof instance !== 'string') throw invalidType('backend.instance', 'a string', instance);
  if (typeof serviceName !== 'string') throw invalidType('backend.serviceName', 'a string', serviceName);
  if (typeof serviceVersion !== 'string') {
    throw invalidType('backend.serviceVersion', 'a string', serviceVersion);
  }
  return Object.freeze({ instance, serviceName, serviceVersion });
}

/**
 * A string that is equal for equal backends only: the lengths in front keep the fields apart, whatever they hold, and
 * the first character keeps strings from keys.
 */
export function backendIdText(backend: BackendId): string {
  if (typeof backend === 'string') return `s${backend}`;
  const { instance, serviceName, serviceVersion } = backend;
  return `k${instance.length},${serviceName.length},${instance}${serviceName}${serviceVersion}`;
}

/** A name for people: `service@version`, with the instance in front unless it is the default one. */
export function backendDisplayName(backend: BackendId): string {
  if (typeof backend === 'string') return backend;
  const { instance, serviceName, serviceVersion } = backend;
  const name = `${serviceName}@${serviceVersion}`;
  return instance === DEFAULT_INSTANCE ? name : `${instance}/${name}`;
}
