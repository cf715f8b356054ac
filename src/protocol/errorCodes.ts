import { cutToCharacters } from '../errors/characters';
import { encodeFrame } from './encodeFrame';
import { MAX_ERROR_MESSAGE_CHARACTERS } from './wireLimits';

interface ErrorCode {
  readonly from: 'broker' | 'backend' | 'both';
  /** Whether a client that begins again may be served. */
  readonly retryable: boolean;
  /** Shown in the documentation. */
  readonly means: string;
}

/** The codes of `error` frames: the one place that says who sends which, and whether to try again. */
export const ERROR_CODES = {
  unsupportedVersion: {
    from: 'both',
    retryable: false,
    means: 'a frame of another version, or a channel of which no version is common',
  },
  badFrame: { from: 'both', retryable: false, means: 'bytes that are no valid frame for this side' },
  helloTimeout: {
    from: 'both',
    retryable: true,
    means: 'no complete frame in time, on a busy machine for instance',
  },
  badVersion: { from: 'broker', retryable: false, means: '`version` is neither a version nor a range' },
  unknownService: { from: 'broker', retryable: false, means: 'there is no such service' },
  noMatchingVersion: {
    from: 'broker',
    retryable: false,
    means: 'the service has no version that matches',
  },
  backendUnavailable: { from: 'broker', retryable: true, means: 'the backend is being started' },
  stopping: { from: 'broker', retryable: true, means: 'the broker is stopping' },
  staleBackend: {
    from: 'broker',
    retryable: true,
    means:
      "answer to a `hello` with `knows`: the backend is another process now, or the stamp isn't of now; repeat without waiting",
  },
  busy: { from: 'both', retryable: true, means: 'this side is at one of its bounds' },
  wrongBackend: {
    from: 'backend',
    retryable: true,
    means: 'answer to an `attach` or `openChannel`: this is another process',
  },
  forbidden: {
    from: 'backend',
    retryable: false,
    means: 'answer to an `openChannel` or `carryDescriptors` of a process of another user',
  },
  expired: {
    from: 'backend',
    retryable: true,
    means: 'answer to an `attach`: the stamp is too old, or of the future',
  },
} as const satisfies Readonly<Record<string, ErrorCode>>;

type CodeOf<From extends ErrorCode['from']> = {
  [Code in keyof typeof ERROR_CODES]: (typeof ERROR_CODES)[Code]['from'] extends From ? Code : never;
}[keyof typeof ERROR_CODES];

/** Codes that a broker sends. */
export type BrokerClientErrorCode = CodeOf<'broker' | 'both'>;

/** Codes that a backend sends. */
export type BackendClientErrorCode = CodeOf<'backend' | 'both'>;

/**
 * The frame of an error.
 *
 * @param retryAfterMs milliseconds that a client had better wait before it begins again.
 */
export function encodeError(
  code: BrokerClientErrorCode | BackendClientErrorCode,
  message: string,
  retryAfterMs?: number,
): Buffer {
  const { retryable } = ERROR_CODES[code];
  return encodeFrame({
    type: 'error',
    code,
    message: cutToCharacters(message, MAX_ERROR_MESSAGE_CHARACTERS),
    retryable,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}
