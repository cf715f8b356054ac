import { z } from 'zod';

/** Environment variable with a backend process's identity, set by the broker. */
export const BACKEND_IDENTITY_VARIABLE = 'HANDOFF_CONTROLLER_BACKEND';
/**
 * Environment variable with the state directory of the broker that started a backend process; unset if it has none. A process
 * that has read its identity doesn't pass it on.
 */
export const STATE_DIRECTORY_VARIABLE = 'HANDOFF_CONTROLLER_STATE_DIRECTORY';

const BACKEND_ID = /^[0-9a-f]{32}$/;

const schema = z.object({
  backend: z.string().regex(BACKEND_ID),
  serviceName: z.string(),
  serviceVersion: z.string(),
  endpoint: z.string().min(1),
  replica: z.number().int().min(2).optional(),
});

/** Identifies a backend process: the broker creates one for each process it starts. */
export interface BackendIdentity {
  /** 32 lower-case hexadecimal digits, new for each process. */
  readonly backend: string;
  readonly serviceName: string;
  readonly serviceVersion: string;
  /** Path of the process's own socket. */
  readonly endpoint: string;
  /** Which of several processes of the service and version: 2, 3, …; omitted for the first. */
  readonly replica?: number | undefined;
}

/** Whether a text is a process's id: 32 lower-case hexadecimal digits. */
export function isBackendId(text: string): boolean {
  return BACKEND_ID.test(text);
}

/** The identity as the environment variable's value. */
export function formatBackendIdentity(identity: BackendIdentity): string {
  return JSON.stringify(identity);
}

/** Parses the environment variable's value; undefined if it's invalid. */
export function parseBackendIdentity(value: string | undefined): BackendIdentity | undefined {
  if (value === undefined) return undefined;
  try {
    return schema.safeParse(JSON.parse(value)).data;
  } catch {
    return undefined;
  }
}
