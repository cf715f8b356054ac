import type { IncomingHttpHeaders } from 'node:http';

const LOOPBACK_HOST = /^(?:127\.0\.0\.1|localhost)(?::\d{1,5})?$/i;

/**
 * Why a request must be refused; undefined if it need not. A page of another site can reach a server on this machine in
 * two ways: by a name of its own that resolves to 127.0.0.1 (its `Host` tells), or by a WebSocket, which browsers open
 * across sites (its `Origin` tells). Programs other than browsers send no `Origin`.
 */
export function whyRefused(
  { host, origin }: IncomingHttpHeaders,
  allowedOrigins: readonly string[],
): 'host' | 'origin' | undefined {
  if (host === undefined || !LOOPBACK_HOST.test(host)) return 'host';
  if (origin === undefined || origin === `http://${host}`) return undefined;
  return allowedOrigins.includes(origin) ? undefined : 'origin';
}
