import type { BackendHandoffState, HandoffFailure, HandoffFallbackReason } from './backendHandoff';

/** The colour category of a state or reason, on a page or in a terminal. */
export type Tone = 'calm' | 'busy' | 'held' | 'foreign' | 'failed';

/** A state of a backend's chart. */
export interface StateWords {
  readonly tone: Exclude<Tone, 'failed'>;
}

/** The states of a backend's chart, the most urgent first. */
export const BACKEND_HANDOFF_STATES: Readonly<Record<BackendHandoffState, StateWords>> = {
  rateLimited: { tone: 'held' },
  attempting: { tone: 'busy' },
  idle: { tone: 'calm' },
  adopted: { tone: 'foreign' },
};

/** Reasons of the broker itself, in addition to those of the controller. */
export type BrokerReason = 'handleUnavailable' | 'checkFailed' | 'transferLimit';

/** Why a client has to reconnect: a reason of the controller or of the broker. */
export type ReconnectReason = HandoffFallbackReason | BrokerReason;

/**
 * The source of a reason. `check`: the policy's checks 1 to 4, which leave the window unchanged. `budget`: check 5. `failure`:
 * an attempt failed, and the window counts it. `obstacle`: the broker couldn't attempt it, or couldn't ask the policy.
 * `bound`: a limit of the broker or the backend; no attempt failed.
 */
export type ReasonCategory = 'check' | 'budget' | 'failure' | 'obstacle' | 'bound';

/** A reason to reconnect. */
export interface ReasonWords {
  readonly category: ReasonCategory;
  readonly tone: Tone;
  /** What it means. */
  readonly means: string;
  /** What an operator can do. */
  readonly advice: string;
}

const check = (means: string, advice: string): ReasonWords => ({
  category: 'check',
  tone: 'foreign',
  means,
  advice,
});
const failure = (means: string, advice: string): ReasonWords => ({
  category: 'failure',
  tone: 'failed',
  means,
  advice,
});
const obstacle = (means: string, advice: string): ReasonWords => ({
  category: 'obstacle',
  tone: 'failed',
  means,
  advice,
});

/** The reasons to reconnect: the checks in the policy's order, then the failures, then the obstacles and bounds of the broker. */
export const RECONNECT_REASON_WORDS: Readonly<Record<ReconnectReason, ReasonWords>> = {
  clientUnsupported: check('the client said that it can\u2019t', 'nothing: it\u2019s an old client'),
  servicePolicyDisabled: check(
    'the service\u2019s `handoff` is off, or the embedder\u2019s `adjustInputs` forbids it',
    '`setServiceHandoff`, `adjustInputs`',
  ),
  fdPressureDisabled: check('the broker is near its limit of file descriptors', 'raise `ulimit -n`'),
  adoptedBackend: check(
    'an earlier broker started the backend; there is no channel to it',
    '`respawnBackend`, when it suits',
  ),
  failedAttemptRateLimited: {
    category: 'budget',
    tone: 'held',
    means: 'it kept failing; tried again after `retryAfterMs`',
    advice: 'look for the failures before it',
  },
  permissionDenied: failure(
    'the backend refused, or the kernel did (EACCES, EPERM)',
    'the backend\u2019s `refuseHandoff`; the sandbox',
  ),
  integrityMismatch: failure(
    'the message or the answer was not right, or the backend had no descriptor left for the handle',
    'backend and broker of different versions? the backend\u2019s `ulimit -n`',
  ),
  backendAckTimeout: failure(
    'the backend didn\u2019t answer in time, exited, or closed its channel',
    'is its event loop blocked?',
  ),
  handleUnavailable: obstacle(
    'the connection\u2019s handle can\u2019t be passed: the transport is unsupported, there is no channel to the process, or reading couldn\u2019t be stopped',
    'see [platforms](platforms.md)',
  ),
  checkFailed: obstacle(
    'a check of the embedder failed, or the controller couldn\u2019t be asked',
    'read the warning (`checkFailed`, `internalError`)',
  ),
  transferLimit: {
    category: 'bound',
    tone: 'foreign',
    means: 'too many transfers in flight (`maxTransfers`, `maxTransfersPerBackend`)',
    advice: 'raise them, or start more backends',
  },
};

/** All reasons, in the order of `RECONNECT_REASON_WORDS`. */
export const RECONNECT_REASONS = Object.keys(RECONNECT_REASON_WORDS) as [
  ReconnectReason,
  ...ReconnectReason[],
];

/** The failures, in the order of `RECONNECT_REASON_WORDS`. */
export const HANDOFF_FAILURES: readonly HandoffFailure[] = RECONNECT_REASONS.filter(isFailure);

function isFailure(reason: ReconnectReason): reason is HandoffFailure {
  return RECONNECT_REASON_WORDS[reason].category === 'failure';
}
