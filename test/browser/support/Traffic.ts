import { type BackendKey, HandoffAttemptInputs, HandoffController } from '../../../src';

const ENABLED = HandoffAttemptInputs.enabled();

/** Names of services as a host might run them. */
export const BACKENDS: readonly BackendKey[] = [
  ['auth', '1.4.2'],
  ['billing', '1.0.0'],
  ['files', '2.0.4'],
  ['files', '2.1.0'],
  ['mail-gateway', '5.0.0-beta.3'],
  ['search', '3.2.0'],
  ['thumbnails', '0.9.1'],
].map(([serviceName = '', serviceVersion = '']) => ({ instance: 'shared', serviceName, serviceVersion }));

/** A controller with backends, driven as a broker would. */
export class Traffic {
  readonly controller: HandoffController;

  constructor(failedAttemptWindowMs: number, backends = BACKENDS, maxFailedAttemptsPerWindow = 3) {
    this.controller = new HandoffController({
      policy: { maxFailedAttemptsPerWindow, failedAttemptWindowMs },
    });
    for (const backend of backends) this.controller.actorOf(backend);
  }

  succeed(backend: BackendKey): void {
    if (this.controller.shouldAttempt(backend, ENABLED).type === 'attempt') {
      this.controller.recordSuccess(backend);
    }
  }

  fail(backend: BackendKey): void {
    if (this.controller.shouldAttempt(backend, ENABLED).type === 'attempt') {
      this.controller.recordFailedAttempt(backend, 'backendAckTimeout');
    }
  }

  /** Fails until its budget is used up, and is answered so once. */
  exhaust(backend: BackendKey): void {
    while (this.controller.stateOf(backend) !== 'rateLimited') this.fail(backend);
    this.controller.shouldAttempt(backend, ENABLED);
  }
}

/** The backend of `BACKENDS` with this name. */
export function backendNamed(name: string): BackendKey {
  const found = BACKENDS.find(
    ({ serviceName, serviceVersion }) => `${serviceName}@${serviceVersion}` === name,
  );
  if (!found) throw new Error(`There is no backend ${name}`);
  return found;
}
