import type { BackendHandoffState, HandoffFailure } from '../../machines/backendHandoff';
import { invalidType } from '../errors/invalidArgument';
import type { BackendId } from './BackendKey';
import type { BackendHandoffActor, BackendRecord } from './BackendRecord';
import type { HandoffAttemptDecision } from './HandoffAttemptDecision';
import type { HandoffAttemptInputs } from './HandoffAttemptInputs';
import type { HandoffCalls } from './HandoffCalls';
import type { HandoffExplanation } from './HandoffExplanation';
import type { FailedAttemptWindow } from './PersistedHandoffSnapshot';

/**
 * One backend of a controller, with the controller's methods minus the `backend` argument. It saves a hot path from building
 * the key. It holds no state: it's valid before the controller knows the backend, and after `forget`.
 */
export class BackendHandle {
  readonly backend: BackendId;
  readonly #controller: HandoffCalls<BackendHandle>;
  readonly #find: () => BackendRecord | undefined;

  /** @internal Made by `HandoffController.backend`. */
  constructor(
    controller: HandoffCalls<BackendHandle>,
    backend: BackendId,
    find: () => BackendRecord | undefined,
  ) {
    this.backend = backend;
    this.#controller = controller;
    this.#find = find;
  }

  /**
   * Whether a value is a handle.
   * @internal
   */
  static isHandle(value: unknown): value is BackendHandle {
    try {
      return value instanceof BackendHandle;
    } catch {
      // A proxy whose traps throw.
      return false;
    }
  }

  /**
   * Its name or key text in the controller.
   * @internal
   * @throws TypeError the handle is another controller's
   */
  find(controller: HandoffCalls<BackendHandle>): BackendRecord | undefined {
    if (controller !== this.#controller) throw invalidType('backend', 'a handle of this controller', this);
    return this.#find();
  }

  shouldAttempt(inputs: HandoffAttemptInputs, now?: number): HandoffAttemptDecision {
    return this.#controller.shouldAttempt(this, inputs, now);
  }

  recordFailedAttempt(failure: HandoffFailure, now?: number): HandoffAttemptDecision {
    return this.#controller.recordFailedAttempt(this, failure, now);
  }

  recordSuccess(now?: number): void {
    this.#controller.recordSuccess(this, now);
  }

  recordAbandonedAttempt(now?: number): void {
    this.#controller.recordAbandonedAttempt(this, now);
  }

  failedAttemptCount(now?: number): number {
    return this.#controller.failedAttemptCount(this, now);
  }

  markAdopted(now?: number): void {
    this.#controller.markAdopted(this, now);
  }

  markSpawned(now?: number): void {
    this.#controller.markSpawned(this, now);
  }

  markRejoined(now?: number): void {
    this.#controller.markRejoined(this, now);
  }

  stateOf(now?: number): BackendHandoffState {
    return this.#controller.stateOf(this, now);
  }

  windowOf(now?: number): FailedAttemptWindow | undefined {
    return this.#controller.windowOf(this, now);
  }

  explain(inputs: HandoffAttemptInputs, now?: number): HandoffExplanation {
    return this.#controller.explain(this, inputs, now);
  }

  hold(): void {
    this.#controller.hold(this);
  }

  actorOf(): BackendHandoffActor {
    return this.#controller.actorOf(this);
  }

  forget(): void {
    this.#controller.forget(this);
  }
}
