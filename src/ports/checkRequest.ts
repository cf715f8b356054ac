import type { IncomingHttpHeaders } from 'node:http';

const LOOPBACK_HOST = /^(?:127\.0\.0\.1|localhost)(?::\d{1,5})?$/i;

/**
 * Why a request must be refused; undefined if it's allowed. Another site's page can reach a local server in two ways: through
 * its own domain name that resolves to 127.0.0.1 (visible in `Host`), or through a WebSocket, which browsers open across sites
 * (visible in `Origin`). Programs other than browsers send no `Origin`.
 */
export function whyRefused(
  { host, origin }: IncomingHttpHeaders,
  allowedOrigins: readonly string[],
): 'host' | 'origin' | undefined {
  if (host === undefined || !LOOPBACK_HOST.test(host)) return 'host';
  if (origin === undefined || origin === `http://${host}`) return undefined;
  return allowedOrigins.includes(origin) ? undefined : 'origin';
}
