import type { HandoffAttemptInputs as Inputs } from '../machines/backendHandoff';
import { invalidType, requireObject } from './invalidArgument';

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

function requireBoolean(field: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalidType(field, 'a boolean', value);
  return value;
}

/** A checked copy. Throws a TypeError that names the field and the value. */
export function checkAttemptInputs(inputs: unknown): HandoffAttemptInputs {
  const { clientSupportsHandoff, servicePolicyEnabled, fdPressureDisabled, backendAdoptedExisting } =
    requireObject('inputs', inputs);
  const checked = HandoffAttemptInputs.of(
    requireBoolean('inputs.clientSupportsHandoff', clientSupportsHandoff),
    requireBoolean('inputs.servicePolicyEnabled', servicePolicyEnabled),
    requireBoolean('inputs.fdPressureDisabled', fdPressureDisabled),
  );
  if (backendAdoptedExisting === undefined) return checked;
  return {
    ...checked,
    backendAdoptedExisting: requireBoolean('inputs.backendAdoptedExisting', backendAdoptedExisting),
  };
}
