import type { AnyActorRef } from 'xstate';

/** Whether an actor has neither ended nor failed. */
export function isRunning(ref: AnyActorRef): boolean {
  try {
    return ref.getSnapshot().status === 'active';
  } catch {
    // It's being created.
    return true;
  }
}
