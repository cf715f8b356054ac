import type { ChannelTarget, HandoffChannel, HandoffTransport } from '../../../src/broker';

/** A transport of which each channel has some members changed. */
export function changeChannel(
  transport: HandoffTransport,
  change: (channel: HandoffChannel, target: ChannelTarget) => Partial<HandoffChannel>,
): HandoffTransport {
  return {
    supported: transport.supported,
    nodeIpc: transport.nodeIpc ?? false,
    async open(target, listener) {
      const channel = await transport.open(target, listener);
      const same: HandoffChannel = {
        get capacity() {
          return channel.capacity;
        },
        send: (...args) => channel.send(...args),
        sync: (message) => channel.sync(message),
        drain: (message) => channel.drain(message),
        close: () => channel.close(),
      };
      // Getters stay what they are.
      return Object.defineProperties(same, Object.getOwnPropertyDescriptors(change(channel, target)));
    },
  };
}
