import type { ActorRefLike } from 'xstate';
import type { HandoffController } from '../../controller/HandoffController';
import type { InspectionSource } from './InspectionSource';

/** A controller's backends, with the ends of their windows: the delay is dynamic, so it isn't in the snapshot. */
export function controllerSource(controller: HandoffController): InspectionSource {
  return {
    inspect: (observer) => controller.inspect(observer),
    delaysOf: (actor) => {
      const remainingMs = remaining(controller, actor);
      return remainingMs === undefined ? undefined : { failedAttemptWindow: Date.now() + remainingMs };
    },
  };
}

function remaining(controller: HandoffController, actor: ActorRefLike): number | undefined {
  const backend = controller.backendOf(actor);
  try {
    return backend === undefined ? undefined : controller.windowOf(backend)?.remainingMs;
  } catch {
    // The controller was disposed of after the event.
    return undefined;
  }
}
