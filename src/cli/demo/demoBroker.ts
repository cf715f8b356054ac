import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createBroker } from '../../broker';
import { messageOf } from '../../errors/showValue';
import { createInspectionRelay, type RouteStats } from '../../inspect';
import type { DemoBrokerReport, DemoBrokerStart, DemoLatencies, DemoReady, DemoStop } from './demoMessages';
import { DEMO_SERVICES } from './demoServices';
import { tellParent } from './tellParent';

// The demo's broker process.

const REPORT_EVERY_MS = 200;
/** Short, so that the silent backend fails more than once in a short run. */
const ACK_DEADLINE_MS = 250;
const STOP_TIMEOUT_MS = 1_000;

/** The quantile `share` (0 to 1) of sorted values. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function statsOf(latenciesMs: readonly number[]): RouteStats {
  if (latenciesMs.length === 0) return { count: 0 };
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  const latencyMs = { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
  return { count: sorted.length, latencyMs };
}

async function start({ socketPath, endpointDirectory, policy, viewerPort }: DemoBrokerStart): Promise<void> {
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
  const relay =
    viewerPort === undefined
      ? undefined
      : await createInspectionRelay({ controller: broker.controller, port: viewerPort }).catch(
          async (error: unknown) => {
            await broker.stop();
            throw error;
          },
        );
  relay?.attach(broker);
  let reportedAt = performance.now();
  const reportRoutes = ({ handedOff, reconnected }: DemoLatencies): void => {
    const now = performance.now();
    relay?.reportRoutes({
      at: Date.now(),
      intervalMs: now - reportedAt,
      handedOff: statsOf(handedOff),
      reconnected: statsOf(reconnected),
    });
    reportedAt = now;
  };
  const report = (): void => {
    tellParent<DemoBrokerReport>({ type: 'broker', backends: broker.backends(), stats: broker.stats() });
  };
  const timer = setInterval(report, REPORT_EVERY_MS);
  const stop = async (): Promise<void> => {
    clearInterval(timer);
    if (process.connected) report();
    await relay?.close();
    await broker.stop();
    // The parent process made the directory and has ended.
    if (!process.connected) await rm(endpointDirectory, { recursive: true, force: true });
    else process.disconnect();
  };
  process.on('message', (message: DemoStop | DemoLatencies) => {
    if (message.type === 'stop') void stop();
    else reportRoutes(message);
  });
  process.once('disconnect', () => void stop());
  // The parent may have ended before the listener was added.
  if (!process.connected) void stop();
  tellParent<DemoReady>({ type: 'ready', viewerUrl: relay?.url });
}

process.once('message', (message: DemoBrokerStart) => {
  start(message).catch((error: unknown) => {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exit(1);
  });
});
