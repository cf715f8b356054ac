const AS_ROOT =
  'The broker runs as root, and so do its backends: an attacker who takes over one of them controls the whole system.';

/** Warnings for a broker that runs as root. */
export function rootWarnings(): readonly string[] {
  return process.geteuid?.() === 0 ? [AS_ROOT] : [];
}
