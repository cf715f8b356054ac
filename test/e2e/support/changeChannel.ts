import type { ChildProcess } from 'node:child_process';
import type { HandoffChannel, HandoffTransport } from '../../../src/broker';

/** A transport of which each channel has some members changed. */
export function changeChannel(
  transport: HandoffTransport,
  change: (channel: HandoffChannel, child: ChildProcess) => Partial<HandoffChannel>,
): HandoffTransport {
  return {
    supported: transport.supported,
    pipes: transport.pipes ?? 0,
    open(child, listener) {
      const channel = transport.open(child, listener);
      const same: HandoffChannel = {
        get capacity() {
          return channel.capacity;
        },
        get isOpen() {
          return channel.isOpen ?? false;
        },
        send: (...args) => channel.send(...args),
        sync: (message) => channel.sync(message),
      };
      // Getters stay what they are.
      return Object.defineProperties(same, Object.getOwnPropertyDescriptors(change(channel, child)));
    },
  };
}
