import { invalidType, outOfRange, requireObject, unreadable } from '../errors/invalidArgument';

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

/** The instance name of the only broker on a host. */
export const DEFAULT_INSTANCE = 'shared';

/** Throws a TypeError or RangeError that names the field and the value. */
export function checkBackendId(backend: unknown): asserts backend is BackendId {
  if (typeof backend === 'string') {
    if (backend === '') throw outOfRange('backend', 'a non-empty string', backend);
    return;
  }
  const key = requireObject('backend', backend);
  let instance: unknown;
  let serviceName: unknown;
  let serviceVersion: unknown;
  try {
    ({ instance, serviceName, serviceVersion } = key);
  } catch (cause) {
    throw unreadable('backend', cause);
  }
  if (typeof instance !== 'string') throw invalidType('backend.instance', 'a string', instance);
  if (typeof serviceName !== 'string') throw invalidType('backend.serviceName', 'a string', serviceName);
  if (typeof serviceVersion !== 'string') {
    throw invalidType('backend.serviceVersion', 'a string', serviceVersion);
  }
}

/** An immutable copy. */
export function copyBackendKey({ instance, serviceName, serviceVersion }: BackendKey): BackendKey {
  return Object.freeze({ instance, serviceName, serviceVersion });
}

/** A string that is equal only for equal keys: length prefixes keep the fields apart, whatever they contain. */
export function backendKeyText({ instance, serviceName, serviceVersion }: BackendKey): string {
  return `${instance.length},${serviceName.length},${instance}${serviceName}${serviceVersion}`;
}

/** Parses the text of `backendKeyText`. */
export function parseBackendKeyText(text: string): BackendKey {
  const first = text.indexOf(',');
  const second = text.indexOf(',', first + 1);
  const serviceName = second + 1 + Number(text.slice(0, first));
  const serviceVersion = serviceName + Number(text.slice(first + 1, second));
  return copyBackendKey({
    instance: text.slice(second + 1, serviceName),
    serviceName: text.slice(serviceName, serviceVersion),
    serviceVersion: text.slice(serviceVersion),
  });
}

/** Display name: `service@version`, prefixed with the instance unless it's the default one. */
export function backendDisplayName(backend: BackendId): string {
  if (typeof backend === 'string') return backend;
  const { instance, serviceName, serviceVersion } = backend;
  const name = `${serviceName}@${serviceVersion}`;
  return instance === DEFAULT_INSTANCE ? name : `${instance}/${name}`;
}
