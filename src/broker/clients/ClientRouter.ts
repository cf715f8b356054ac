import { STAMP_ROUNDING_MS } from '../../protocol/stamp';
import type { BackendSet } from '../backends/BackendSet';
import type { BackendTarget } from '../backends/ManagedBackend';
import type { CheckedBrokerOptions } from '../options/checkBrokerOptions';
import type { ClientAnswers } from './ClientAnswers';
import type { ClientRequest } from './ClientRequest';
import type { HandoffAttempts } from './HandoffAttempts';
import type { HandoffDecisions } from './HandoffDecisions';
import { describeNoMatch, pickVersion } from './pickVersion';

const UNAVAILABLE_RETRY_MS = 100;
// How long a client's stamp may be on its way before the wait for its hello begins.
const ACCEPT_GRACE_MS = 1000;
// An older stamp could be too old for the backend when the handle arrives, which would count against it: half of the
// claims' default life.
const MAX_CLIENT_STAMP_AGE_MS = 30_000;

/** Options of {@link ClientRouter}. */
export interface ClientRouterOptions {
  /** The present options. */
  readonly settings: () => Pick<CheckedBrokerOptions, 'helloTimeoutMs'>;
  readonly backends: BackendSet;
  readonly decisions: HandoffDecisions;
  readonly attempts: HandoffAttempts;
  readonly answers: ClientAnswers;
}

/** Finds the backend that a client asks for, and the way there. */
export class ClientRouter {
  readonly #options: ClientRouterOptions;

  constructor(options: ClientRouterOptions) {
    this.#options = options;
  }

  route(request: ClientRequest): void {
    const { backends, decisions, attempts, answers } = this.#options;
    const { socket, hello } = request;
    const versions = backends.versionsOf(hello.service);
    if (versions === undefined) {
      answers.sendError(socket, 'unknownService', `there is no service ${hello.service}`);
      return;
    }
    const version = pickVersion(versions.keys(), hello.version);
    if (version === 'badVersion') {
      answers.sendError(socket, 'badVersion', `${hello.version} is no semantic version or range`);
      return;
    }
    const backend = version === undefined ? undefined : versions.get(version);
    if (backend === undefined) {
      const message = describeNoMatch(hello.service, versions.keys(), hello.version);
      answers.sendError(socket, 'noMatchingVersion', message);
      return;
    }
    const { target } = backend;
    if (target === undefined) {
      const message = `${hello.service}@${version} is ${backend.state}`;
      answers.sendError(socket, 'backendUnavailable', message, UNAVAILABLE_RETRY_MS);
      return;
    }
    if (!this.#isAsKnown(request, target)) {
      // Before the controller is asked: nothing of this is the backend's doing.
      const message = `${hello.service}@${version} is another process, or the stamp is not of now`;
      answers.sendError(socket, 'staleBackend', message);
      return;
    }
    const decision = decisions.decide(request, backend);
    if (decision.type === 'attempt') attempts.begin(request, backend, target);
    else answers.reconnect(request, backend, target, decision.reason, decision.retryAfterMs);
  }

  /** A client that knows a process may be at its endpoint already, so its connection leads there or nowhere. */
  #isAsKnown({ hello: { knows }, ageMs }: ClientRequest, { identity }: BackendTarget): boolean {
    if (knows === undefined) return true;
    const { helloTimeoutMs } = this.#options.settings();
    const maxAgeMs = Math.min(helloTimeoutMs + ACCEPT_GRACE_MS, MAX_CLIENT_STAMP_AGE_MS);
    return knows.backend === identity.backend && ageMs >= -STAMP_ROUNDING_MS && ageMs <= maxAgeMs;
  }
}
