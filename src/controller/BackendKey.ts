import { invalidType, outOfRange, requireObject, unreadable } from '../errors/invalidArgument';

/** Names a backend by its parts. Two keys name the same backend only if every field is equal. */
export interface BackendKey {
  /** Which broker the backend belongs to, on a host that runs several. May be empty. */
  readonly instance: string;
  /** May be empty. */
  readonly serviceName: string;
  /** May be empty. */
  readonly serviceVersion: string;
  /**
   * Which of several processes of the service and version: 2, 3, …; left out for the first. So the first process keeps its
   * window, however many there are.
   */
  readonly replica?: number | undefined;
}

/** A backend: by its parts, or by any non-empty string. A string never names the same backend as a `BackendKey`. */
export type BackendId = string | BackendKey;

/** The instance name of the only broker on a host. */
export const DEFAULT_INSTANCE = 'shared';

const FIRST_NUMBERED_REPLICA = 2;

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
  let replica: unknown;
  try {
    ({ instance, serviceName, serviceVersion, replica } = key);
  } catch (cause) {
    throw unreadable('backend', cause);
  }
  if (typeof instance !== 'string') throw invalidType('backend.instance', 'a string', instance);
  if (typeof serviceName !== 'string') throw invalidType('backend.serviceName', 'a string', serviceName);
  if (typeof serviceVersion !== 'string') {
    throw invalidType('backend.serviceVersion', 'a string', serviceVersion);
  }
  if (replica !== undefined) checkReplica(replica);
}

function checkReplica(replica: unknown): void {
  const expected = `an integer from ${FIRST_NUMBERED_REPLICA}, or left out for the first replica`;
  if (typeof replica !== 'number') throw invalidType('backend.replica', expected, replica);
  if (!Number.isSafeInteger(replica) || replica < FIRST_NUMBERED_REPLICA) {
    throw outOfRange('backend.replica', expected, replica);
  }
}

/** An immutable copy. */
export function copyBackendKey({ instance, serviceName, serviceVersion, replica }: BackendKey): BackendKey {
  return Object.freeze({
    instance,
    serviceName,
    serviceVersion,
    ...(replica === undefined ? {} : { replica }),
  });
}

/** A string that is equal only for equal keys: length prefixes keep the fields apart, whatever they contain. */
export function backendKeyText({ instance, serviceName, serviceVersion, replica }: BackendKey): string {
  const text = `${instance.length},${serviceName.length},${instance}${serviceName}${serviceVersion}`;
  return replica === undefined ? text : `${replica}#${text}`;
}

/** Parses the text of `backendKeyText`. */
export function parseBackendKeyText(text: string): BackendKey {
  const first = text.indexOf(',');
  const hash = text.slice(0, first).indexOf('#');
  if (hash !== -1) {
    return copyBackendKey({
      ...parseBackendKeyText(text.slice(hash + 1)),
      replica: Number(text.slice(0, hash)),
    });
  }
  const second = text.indexOf(',', first + 1);
  const serviceName = second + 1 + Number(text.slice(0, first));
  const serviceVersion = serviceName + Number(text.slice(first + 1, second));
  return copyBackendKey({
    instance: text.slice(second + 1, serviceName),
    serviceName: text.slice(serviceName, serviceVersion),
    serviceVersion: text.slice(serviceVersion),
  });
}

/** Display name: `service@version`, with `#replica` unless it's the first, prefixed with the instance unless it's the default one. */
export function backendDisplayName(backend: BackendId): string {
  if (typeof backend === 'string') return backend;
  const name = replicaName(backend);
  return backend.instance === DEFAULT_INSTANCE ? name : `${backend.instance}/${name}`;
}

/** `service@version`, with `#replica` unless it's the first. */
export function replicaName({ serviceName, serviceVersion, replica }: Omit<BackendKey, 'instance'>): string {
  return `${serviceName}@${serviceVersion}${replica === undefined ? '' : `#${replica}`}`;
}
