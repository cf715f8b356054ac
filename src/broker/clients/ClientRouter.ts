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
// Longest delay between a client's stamp and the start of the broker's hello timeout.
const ACCEPT_GRACE_MS = 1000;
// Half of a claim's default lifetime. An older stamp could expire before the backend gets the handle, which would count as
// a failed attempt.
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

/** Finds the backend for a client's request and picks the route. */
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
      answers.sendError(socket, 'badVersion', `${hello.version} is not a semantic version or range`);
      return;
    }
    const replicas = version === undefined ? undefined : versions.get(version);
    if (replicas === undefined) {
      const message = describeNoMatch(hello.service, versions.keys(), hello.version);
      answers.sendError(socket, 'noMatchingVersion', message);
      return;
    }
    const backend = replicas.pick(hello.knows?.backend);
    const target = backend?.target;
    if (backend === undefined || target === undefined) {
      const message = `${hello.service}@${version} is ${replicas.state}`;
      answers.sendError(socket, 'backendUnavailable', message, UNAVAILABLE_RETRY_MS);
      return;
    }
    if (!this.#isAsKnown(request, target)) {
      // Before asking the controller: this isn't the backend's fault and must not count against it.
      const message = `${hello.service}@${version} is another process, or the stamp is too old or of the future`;
      answers.sendError(socket, 'staleBackend', message);
      return;
    }
    replicas.countPick(backend);
    const decision = decisions.decide(request, backend);
    if (decision.type === 'attempt') attempts.begin(request, backend, target);
    else answers.reconnect(request, backend, target, decision.reason, decision.retryAfterMs);
  }

  /** A client that names a process may already use its endpoint, so only this process may get the connection. */
  #isAsKnown({ hello: { knows }, ageMs }: ClientRequest, { identity }: BackendTarget): boolean {
    if (knows === undefined) return true;
    const { helloTimeoutMs } = this.#options.settings();
    const maxAgeMs = Math.min(helloTimeoutMs + ACCEPT_GRACE_MS, MAX_CLIENT_STAMP_AGE_MS);
    return knows.backend === identity.backend && ageMs >= -STAMP_ROUNDING_MS && ageMs <= maxAgeMs;
  }
}
