import type { ChildProcess } from 'node:child_process';
import type { BackendIdentity } from '../../protocol/backendIdentity';
import type { HandoffChannel, HandoffChannelListener } from './HandoffChannel';

/** The process that a channel leads to. It has said at its endpoint that it is the one. */
export interface ChannelTarget {
  readonly identity: BackendIdentity;
  /** Undefined if this broker didn't start it. */
  readonly child: ChildProcess | undefined;
}

/** The way connections' handles go to backend processes. */
export interface HandoffTransport {
  /** Whether handles can be passed at all. False counts as a service policy that is off. */
  readonly supported: boolean;
  /**
   * What it can't do here, and what that costs: said once as a warning, and in the broker's status.
   * @default nothing is wrong
   */
  readonly limitation?: string | undefined;
  /**
   * Whether the processes that the broker starts get Node's IPC channel.
   * @default false
   */
  readonly nodeIpc?: boolean;
  /**
   * Opens the channel to a process that takes connections. If that fails its clients reconnect; after an error with code
   * `EBUSY`, `EAGAIN` or `ETIMEDOUT` it's tried again.
   */
  open(target: ChannelTarget, listener: HandoffChannelListener): HandoffChannel | Promise<HandoffChannel>;
}
