import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { ReconnectReason } from '../../broker';
import { connect } from '../../client';
import { messageOf } from '../../errors/showValue';
import type { DemoClientsReport, DemoClientsStart, DemoReady, DemoStop } from './demoMessages';
import { DEMO_SERVICES, type DemoService } from './demoServices';
import { tellParent } from './tellParent';

// A client process of the demo. Each client connects, sends a request as early data and another one right after it, reads
// both replies and compares every byte.

const REPORT_EVERY_MS = 200;
const MAX_REQUEST_BYTES = 8_192;
const MAX_LATENCIES = 2_000;
const REPLY_TIMEOUT_MS = 10_000;
const TOTAL_WEIGHT = DEMO_SERVICES.reduce((sum, { weight }) => sum + weight, 0);

function pickService(): DemoService {
  let left = randomInt(TOTAL_WEIGHT);
  const picked = DEMO_SERVICES.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  if (picked === undefined) throw new Error('The weights do not add up');
  return picked;
}

/** The number of bytes before the first wrong one. */
function countRight(sent: Buffer, received: Buffer): number {
  const length = Math.min(sent.length, received.length);
  if (sent.subarray(0, length).equals(received.subarray(0, length))) return length;
  for (let index = 0; ; index++) if (sent[index] !== received[index]) return index;
}

class DemoClients {
  readonly #report = {
    connections: 0,
    handedOff: 0,
    reconnected: {} as Partial<Record<ReconnectReason, number>>,
    clientErrors: 0,
    bytesSent: 0,
    bytesReceived: 0,
    bytesLost: 0,
  };
  readonly #latencyMs = { handedOff: [] as number[], reconnected: [] as number[] };
  #recentMs = { handedOff: [] as number[], reconnected: [] as number[] };
  #lastError: string | undefined;
  #isStopping = false;

  constructor(readonly start: DemoClientsStart) {}

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.start.clients }, () => this.#runClient()));
  }

  stop(): void {
    this.#isStopping = true;
  }

  report(isLast: boolean): DemoClientsReport {
    const lastError = this.#lastError;
    const recentMs = this.#recentMs;
    this.#recentMs = { handedOff: [], reconnected: [] };
    return {
      type: 'clients',
      ...this.#report,
      recentMs,
      ...(isLast && { latencyMs: this.#latencyMs }),
      ...(lastError !== undefined && { lastError }),
    };
  }

  async #runClient(): Promise<void> {
    while (!this.#isStopping) {
      try {
        await this.#connectOnce(pickService());
      } catch (error) {
        this.#report.clientErrors++;
        this.#lastError = messageOf(error);
      }
    }
  }

  async #connectOnce({ name, version }: DemoService): Promise<void> {
    const request = randomBytes(randomInt(1, MAX_REQUEST_BYTES));
    const next = randomBytes(randomInt(1, MAX_REQUEST_BYTES));
    const sent = Buffer.concat([request, next]);
    const began = performance.now();
    this.#report.connections++;
    const { socket, route, reason } = await connect({
      socketPath: this.start.socketPath,
      service: name,
      version,
      handoff: this.start.handoff,
      earlyData: request,
      allowHalfOpen: true,
    });
    if (route === 'handedOff') this.#report.handedOff++;
    else this.#countReconnect(reason ?? 'backendAckTimeout');
    socket.once('data', () => this.#addLatency(route, performance.now() - began));
    socket.end(next);
    const chunks: Buffer[] = [];
    try {
      await this.#readAll(socket, chunks);
    } finally {
      const right = countRight(sent, Buffer.concat(chunks));
      this.#report.bytesSent += sent.length;
      this.#report.bytesReceived += right;
      this.#report.bytesLost += sent.length - right;
    }
  }

  #countReconnect(reason: ReconnectReason): void {
    this.#report.reconnected[reason] = (this.#report.reconnected[reason] ?? 0) + 1;
  }

  async #readAll(socket: Socket, chunks: Buffer[]): Promise<void> {
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.setTimeout(REPLY_TIMEOUT_MS, () => socket.destroy(new Error('No reply in time')));
    await once(socket, 'end');
  }

  #addLatency(route: 'handedOff' | 'reconnected', ms: number): void {
    this.#recentMs[route].push(ms);
    const latencies = this.#latencyMs[route];
    if (latencies.length === MAX_LATENCIES) latencies[randomInt(MAX_LATENCIES)] = ms;
    else latencies.push(ms);
  }
}

async function start(message: DemoClientsStart): Promise<void> {
  const clients = new DemoClients(message);
  const timer = setInterval(() => tellParent(clients.report(false)), REPORT_EVERY_MS);
  process.on('message', ({ type }: DemoStop) => {
    if (type === 'stop') clients.stop();
  });
  process.once('disconnect', () => clients.stop());
  tellParent<DemoReady>({ type: 'ready' });
  await clients.run();
  clearInterval(timer);
  tellParent(clients.report(true));
  if (process.connected) process.disconnect();
}

process.once('message', (message: DemoClientsStart) => void start(message));
