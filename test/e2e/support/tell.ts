import type { ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import type { ChannelTarget } from '../../../src/broker';
import { controlPath } from '../../support/controlPath';
import { requirePid } from '../../support/requirePid';
import { readAll } from './readAll';

/** Has a fixture's process do something. Resolves when it has, or is gone. */
export async function tell({ pid }: { readonly pid?: number | undefined }, message: object): Promise<void> {
  const socket = connect(controlPath(requirePid(pid)));
  socket.on('error', () => {});
  socket.end(JSON.stringify(message));
  await readAll(socket).catch(() => {});
}

/** The child that a channel leads to. */
export function childOf({ child }: ChannelTarget): ChildProcess {
  if (child === undefined) throw new Error('the broker did not start this process');
  return child;
}
