/** Connections that a socket holds until they are accepted. As many as Linux lets wait unless told otherwise. */
export const DEFAULT_BACKLOG = 4096;
/** The most that is taken; the system may hold fewer (`net.core.somaxconn`). */
export const MAX_BACKLOG = 65_535;
