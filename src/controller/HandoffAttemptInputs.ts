import type { HandoffAttemptInputs as Inputs } from '../../machines/backendHandoff';

/** What a request's checks look at. Make one with the functions of the same name, or write a literal. */
export type HandoffAttemptInputs = Inputs;

/** Makes the inputs of a request. */
export const HandoffAttemptInputs = Object.freeze({
  /** Inputs that leave it to the chart whether the backend is adopted. */
  of(
    clientSupportsHandoff: boolean,
    servicePolicyEnabled: boolean,
    fdPressureDisabled: boolean,
  ): HandoffAttemptInputs {
    return { clientSupportsHandoff, servicePolicyEnabled, fdPressureDisabled };
  },

  /** Inputs with nothing in the way of handoff; whether the backend is adopted is left to the chart. */
  enabled(): HandoffAttemptInputs {
    return HandoffAttemptInputs.of(true, true, false);
  },

  /** Inputs for a backend that an earlier broker started; nothing else in the way but, perhaps, the client. */
  adoptedBackend(clientSupportsHandoff: boolean): HandoffAttemptInputs {
    return { ...HandoffAttemptInputs.of(clientSupportsHandoff, true, false), backendAdoptedExisting: true };
  },
});
