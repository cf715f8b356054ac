import type { Socket } from 'node:net';

/** The descriptor of an open socket, or undefined where Node doesn't tell: it has no public way to say it. */
export function descriptorOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as { _handle?: { readonly fd?: unknown } | null };
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}
