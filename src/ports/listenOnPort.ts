import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** TCP ports are reachable from this host only. */
export const LOOPBACK = '127.0.0.1';

/**
 * Listens on a TCP port of 127.0.0.1; 0: any free one. Resolves with the port.
 * @throws Error that says why it can't, with the system's `code`, such as `EADDRINUSE` (the promise rejects)
 */
export function listenOnPort(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException): void => {
      const message = `can't listen on port ${port} of ${LOOPBACK}: ${reasonOf(cause)}`;
      reject(Object.assign(new Error(message, { cause }), { code: cause.code }));
    };
    server.once('error', fail);
    server.listen(port, LOOPBACK, () => {
      server.off('error', fail);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'EADDRINUSE':
      return 'another process has it';
    case 'EACCES':
      return 'this user may not (ports below 1024 are often for root alone)';
    default:
      return message;
  }
}
