import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveBackend } from '../../src/backend';
import { type Broker, createBroker } from '../../src/broker';
import { connect } from '../../src/client';
import { takeFrames } from '../e2e/independentClient';
import { fixtureService } from '../e2e/support/TestBrokers';
import { cut, makeBytes, makeMessage } from './generate';
import type { SeededRandom } from './SeededRandom';
import { setPatientTimeout } from './setPatientTimeout';

const HELLO_TIMEOUT_MS = 100;
// Far more than a hello's time and a lingering end take.
const ANSWER_TIMEOUT_MS = 20_000;

/** A real broker with a real backend process, and the backend's receiving side in this process. */
export class SocketTarget {
  readonly #directory = mkdtempSync(join(tmpdir(), 'hc-fuzz-'));
  readonly #errors: unknown[] = [];
  #broker: Broker | undefined;
  #endpoints: [string, ...string[]] = [''];
  #closeBackend = async (): Promise<void> => {};

  async start(): Promise<void> {
    const broker = await createBroker({
      socketPath: join(this.#directory, 'broker.sock'),
      services: [fixtureService('shortHello')],
      ackDeadlineMs: 60_000,
      startTimeoutMs: 60_000,
      helloTimeoutMs: HELLO_TIMEOUT_MS,
    });
    this.#broker = broker;
    const endpoint = join(this.#directory, 'backend.sock');
    const served = await serveBackend({
      identity: { backend: '0'.repeat(32), serviceName: 'here', serviceVersion: '1.0.0', endpoint },
      onConnection: (socket) => socket.destroy(),
      helloTimeoutMs: HELLO_TIMEOUT_MS,
      onError: (error) => this.#errors.push(error),
    });
    this.#closeBackend = () => served.close();
    this.#endpoints = [broker.socketPath, broker.backends()[0]?.endpoint ?? '', endpoint];
  }

  /** A message on the backend's side of the channel, as Node would deliver it. */
  message(random: SeededRandom): void {
    process.emit('message', makeMessage(random), undefined);
    const error = this.#errors.pop();
    if (error !== undefined) throw error;
  }

  /** Sends bytes to one of the sockets; resolves when the other side has closed. */
  bytes(random: SeededRandom): Promise<void> {
    const path = random.pick(this.#endpoints);
    const chunks = cut(random, makeBytes(random));
    const endsEarly = random.once(4);
    return new Promise((resolve, reject) => {
      const socket = connectSocket({ path, allowHalfOpen: !endsEarly });
      const timer = setPatientTimeout(() => {
        reject(new Error(`${path} did not close the connection`));
        socket.destroy();
      }, ANSWER_TIMEOUT_MS);
      socket.on('error', () => {});
      // Our side ends when the other one has: the one that closes is to be it.
      socket.on('end', () => socket.end());
      socket.on('close', () => {
        timer.clear();
        resolve();
      });
      for (const chunk of chunks) socket.write(chunk);
      if (endsEarly) socket.end();
      // A connection that was let in is the application's, which echoes for ever; a prober's is left open.
      let received = Buffer.alloc(0);
      let isLetIn = false;
      socket.on('data', (chunk) => {
        if (isLetIn) return;
        received = Buffer.concat([received, chunk]);
        isLetIn = takeFrames(received).frames.some(({ type }) => type === 'ready' || type === 'identity');
        if (isLetIn) socket.end();
      });
    });
  }

  /** A client that behaves is still served. */
  async check(): Promise<void> {
    const { socket } = await connect({
      socketPath: this.#endpoints[0],
      service: 'echo',
      connectTimeoutMs: 120_000,
      earlyData: 'still there',
      allowHalfOpen: true,
    });
    socket.end();
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const answer = Buffer.concat(chunks).toString();
    if (answer !== 'still there') throw new Error(`a client that behaves got ${JSON.stringify(answer)}`);
  }

  async stop(): Promise<void> {
    await this.#closeBackend();
    await this.#broker?.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
