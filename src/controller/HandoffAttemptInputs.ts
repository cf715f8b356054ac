import type { HandoffAttemptInputs as Inputs } from '../../machines/backendHandoff';

/** The inputs of a request's checks. Create them with the functions below, or write a literal. */
export type HandoffAttemptInputs = Inputs;

/** Makes the inputs of a request. */
export const HandoffAttemptInputs = Object.freeze({
  /** Inputs without `backendAdoptedExisting`: the chart knows whether the backend is adopted. */
  of(
    clientSupportsHandoff: boolean,
    servicePolicyEnabled: boolean,
    fdPressureDisabled: boolean,
  ): HandoffAttemptInputs {
    return { clientSupportsHandoff, servicePolicyEnabled, fdPressureDisabled };
  },

  /** Inputs that pass checks 1 to 3; the chart knows whether the backend is adopted. */
  enabled(): HandoffAttemptInputs {
    return HandoffAttemptInputs.of(true, true, false);
  },

  /** Inputs for a backend that an earlier broker started; checks 2 and 3 pass. */
  adoptedBackend(clientSupportsHandoff: boolean): HandoffAttemptInputs {
    return { ...HandoffAttemptInputs.of(clientSupportsHandoff, true, false), backendAdoptedExisting: true };
  },
});
