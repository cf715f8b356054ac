/** The longest stretch of time that is counted at once. */
const STEP_MS = 50;

/** A timer that {@link setPatientTimeout} has started. */
export interface PatientTimeout {
  clear(): void;
}

/**
 * Calls back after `ms` milliseconds in which this process could work. In a loop that stood still, timers fire before what
 * has come in the meantime is read: such a pause counts as one step, however long it was.
 */
export function setPatientTimeout(callback: () => void, ms: number): PatientTimeout {
  let stepsLeft = Math.ceil(ms / STEP_MS);
  const timer = setInterval(() => {
    stepsLeft -= 1;
    if (stepsLeft > 0) return;
    clearInterval(timer);
    callback();
  }, STEP_MS);
  return { clear: () => clearInterval(timer) };
}
