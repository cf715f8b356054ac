import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createBroker } from '../../broker';
import type { DemoBrokerReport, DemoBrokerStart, DemoReady, DemoStop } from './demoMessages';
import { DEMO_SERVICES } from './demoServices';
import { tellParent } from './tellParent';

// The demo's broker process.

const REPORT_EVERY_MS = 200;
/** Short, so that the backend that never acknowledges is seen to fail more than once in a short run. */
const ACK_DEADLINE_MS = 250;
const STOP_TIMEOUT_MS = 1_000;

async function start({ socketPath, endpointDirectory, policy }: DemoBrokerStart): Promise<void> {
  const broker = await createBroker({
    socketPath,
    endpointDirectory,
    policy,
    ackDeadlineMs: ACK_DEADLINE_MS,
    stopTimeoutMs: STOP_TIMEOUT_MS,
    services: DEMO_SERVICES.map(({ name, version, behaviour, handoff }) => ({
      name,
      version,
      handoff,
      module: join(__dirname, 'demoBackend.js'),
      args: [behaviour],
    })),
  });
  const report = (): void => {
    tellParent<DemoBrokerReport>({ type: 'broker', backends: broker.backends(), stats: broker.stats() });
  };
  const timer = setInterval(report, REPORT_EVERY_MS);
  const stop = async (): Promise<void> => {
    clearInterval(timer);
    if (process.connected) report();
    await broker.stop();
    // Who made the directory is gone.
    if (!process.connected) await rm(endpointDirectory, { recursive: true, force: true });
    else process.disconnect();
  };
  process.on('message', ({ type }: DemoStop) => {
    if (type === 'stop') void stop();
  });
  process.once('disconnect', () => void stop());
  tellParent<DemoReady>({ type: 'ready' });
}

process.once('message', (message: DemoBrokerStart) => void start(message));
