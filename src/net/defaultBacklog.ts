/** Default length of a socket's accept queue: Linux's default `net.core.somaxconn`. */
export const DEFAULT_BACKLOG = 4096;
/** Maximum backlog option; the system may cap it lower (`net.core.somaxconn`). */
export const MAX_BACKLOG = 65_535;
