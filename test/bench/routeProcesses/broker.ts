import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createBroker, createNodeIpcTransport } from '../../../src/broker';
import { takeOrders } from './control';

// The broker process of the bench: `broker.js DIRECTORY default|nodeIpc [NODE'S ARGUMENTS OF THE BACKEND...]`.

/** So long that a machine that stands still for a while makes no failed handoff of it. */
const ACK_DEADLINE_MS = 20_000;

/** More than any number of clients that is measured: none is to be reconnected for being one too many. */
const MAX_TRANSFERS = 1_024;

async function main([directory = '', transport, ...execArgv]: readonly string[]): Promise<void> {
  const broker = await createBroker({
    socketPath: join(directory, 'broker.sock'),
    endpointDirectory: directory,
    ackDeadlineMs: ACK_DEADLINE_MS,
    maxTransfersPerBackend: MAX_TRANSFERS,
    ...(transport === 'nodeIpc' ? { transport: createNodeIpcTransport() } : {}),
    services: [
      {
        name: 'bench',
        version: '1.0.0',
        module: join(__dirname, 'backend.js'),
        args: [directory],
        execArgv,
      },
    ],
  });
  const control = takeOrders(directory, 'broker', {
    onStop: async (isOrdered) => {
      await broker.stop();
      control.destroy();
      // Who made the directory was ended by a signal.
      if (!isOrdered) rmSync(directory, { recursive: true, force: true });
    },
  });
}

void main(process.argv.slice(2));
