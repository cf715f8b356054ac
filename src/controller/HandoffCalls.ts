import type { BackendHandoffState, HandoffFailure } from '../../machines/backendHandoff';
import type { BackendHandoffActor } from './BackendRecord';
import type { HandoffAttemptDecision } from './HandoffAttemptDecision';
import type { HandoffAttemptInputs } from './HandoffAttemptInputs';
import type { HandoffExplanation } from './HandoffExplanation';
import type { FailedAttemptWindow } from './PersistedHandoffSnapshot';

/** The controller's calls about one backend, identified by `Backend`. Documented at `HandoffController`. */
export interface HandoffCalls<Backend> {
  shouldAttempt(backend: Backend, inputs: HandoffAttemptInputs, now?: number): HandoffAttemptDecision;
  recordFailedAttempt(backend: Backend, failure: HandoffFailure, now?: number): HandoffAttemptDecision;
  recordSuccess(backend: Backend, now?: number): void;
  recordAbandonedAttempt(backend: Backend, now?: number): void;
  failedAttemptCount(backend: Backend, now?: number): number;
  markAdopted(backend: Backend, now?: number): void;
  markSpawned(backend: Backend, now?: number): void;
  markRejoined(backend: Backend, now?: number): void;
  stateOf(backend: Backend, now?: number): BackendHandoffState;
  windowOf(backend: Backend, now?: number): FailedAttemptWindow | undefined;
  explain(backend: Backend, inputs: HandoffAttemptInputs, now?: number): HandoffExplanation;
  hold(backend: Backend): void;
  actorOf(backend: Backend): BackendHandoffActor;
  forget(backend: Backend): void;
}
