import type { ChildProcess } from 'node:child_process';
import type { HandoffChannel, HandoffChannelListener } from './HandoffChannel';

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
   * Pipes that each backend process gets for the transport's own use, at its descriptors from 4 on.
   * @default 0
   */
  readonly pipes?: number;
  /** Opens the channel to a process, which takes connections now. Called once for each. */
  open(child: ChildProcess, listener: HandoffChannelListener): HandoffChannel;
}
