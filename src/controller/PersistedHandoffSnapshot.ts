import { HandoffError } from '../errors/HandoffError';
import { invalidType, requireCount, requireMilliseconds, requireObject } from '../errors/invalidArgument';
import { messageOf } from '../errors/showValue';
import { type BackendId, backendKeyText, checkBackendId } from './BackendKey';

/** The snapshot version that this library writes and reads. */
export const PERSISTED_SNAPSHOT_VERSION = 1;

/** A window of failed attempts at a point in time. */
export interface FailedAttemptWindow {
  /** Failed attempts counted in it. */
  readonly failedAttempts: number;
  /** Milliseconds left in it. */
  readonly remainingMs: number;
}

/** One backend of an earlier controller. */
export interface PersistedBackend {
  readonly backend: BackendId;
  readonly adopted: boolean;
  /** The window at the snapshot's `wallTimeMs`; omitted if the backend has none. */
  readonly window?: FailedAttemptWindow;
}

/** A controller's persistent state, JSON-safe. It omits attempts in flight. */
export interface PersistedHandoffSnapshot {
  readonly version: typeof PERSISTED_SNAPSHOT_VERSION;
  /** When it was taken: milliseconds since 1970. */
  readonly wallTimeMs: number;
  readonly backends: readonly PersistedBackend[];
}

function checkBackend(value: unknown, index: number): PersistedBackend {
  const field = `snapshot.backends[${index}]`;
  const { backend, adopted, window } = requireObject(field, value);
  if (typeof adopted !== 'boolean') throw invalidType(`${field}.adopted`, 'a boolean', adopted);
  checkBackendId(backend);
  const checked = { backend, adopted };
  if (window === undefined) return checked;
  const { failedAttempts, remainingMs } = requireObject(`${field}.window`, window);
  return {
    ...checked,
    window: {
      failedAttempts: requireCount(`${field}.window.failedAttempts`, failedAttempts),
      remainingMs: requireMilliseconds(`${field}.window.remainingMs`, remainingMs),
    },
  };
}

/**
 * A checked copy.
 * @throws HandoffError with code `ERR_INVALID_SNAPSHOT`: another version, or anything malformed; the message names the field
 */
export function checkPersistedSnapshot(snapshot: unknown): PersistedHandoffSnapshot {
  try {
    const { version, wallTimeMs, backends } = requireObject('snapshot', snapshot);
    if (version !== PERSISTED_SNAPSHOT_VERSION) {
      throw invalidType('snapshot.version', String(PERSISTED_SNAPSHOT_VERSION), version);
    }
    if (!Array.isArray(backends)) throw invalidType('snapshot.backends', 'an array', backends);
    const checked = {
      version: PERSISTED_SNAPSHOT_VERSION,
      wallTimeMs: requireMilliseconds('snapshot.wallTimeMs', wallTimeMs),
      // `map` would skip the holes of a sparse array.
      backends: Array.from(backends, checkBackend),
    } as const;
    const seen = new Set(
      checked.backends.map(({ backend }) =>
        JSON.stringify([typeof backend, typeof backend === 'string' ? backend : backendKeyText(backend)]),
      ),
    );
    if (seen.size !== backends.length) {
      throw invalidType('snapshot.backends', 'an array without duplicates', backends.length);
    }
    return checked;
  } catch (cause) {
    throw new HandoffError('ERR_INVALID_SNAPSHOT', `Refused a persisted snapshot: ${messageOf(cause)}`, {
      cause,
    });
  }
}
