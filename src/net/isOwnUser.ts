import type { Socket } from 'node:net';
import { descriptorOf } from './descriptorOf';
import { scmRights } from './scmRights';

/** Whether the process at the other end runs as this one's user. True where that can't be told. */
export function isOwnUser(socket: Socket): boolean {
  const descriptor = descriptorOf(socket);
  if (descriptor === undefined) return true;
  const user = scmRights()?.peerUser(descriptor);
  return user === undefined || user === process.geteuid?.();
}
