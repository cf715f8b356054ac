import { scmRights, scmRightsProblem } from '../../net/scmRights';
import { createNodeIpcTransport } from './createNodeIpcTransport';
import { EndpointChannel } from './EndpointChannel';
import type { HandoffTransport } from './HandoffTransport';

/**
 * The transport over channels that the broker opens at the endpoints of processes, whoever started them: handles by
 * `sendmsg`, as many as are ready. Needs Linux and the optional dependency koffi; without it, it's Node's transport.
 */
export function createScmRightsTransport(): HandoffTransport {
  const system = scmRights();
  if (system === undefined) {
    const limitation = `connections are handed over by Node's IPC channel, one at a time, which is slower than reconnecting: ${scmRightsProblem()}`;
    return { ...createNodeIpcTransport(), limitation };
  }
  return {
    supported: true,
    open: ({ identity }, listener) => EndpointChannel.open(system, identity, listener),
  };
}
