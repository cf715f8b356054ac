import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Broker, type BrokerOptions, type BrokerService, createBroker } from '../../../src/broker';
import { compiled } from '../../support/compiled';

/** What no load reaches: a test that is about a deadline has one of its own. */
const NO_DEADLINE_MS = 60_000;

/** A service whose backend is a fixture. */
export function fixtureService(
  mode = 'echo',
  service: Partial<BrokerService> & { marker?: string } = {},
): BrokerService {
  const { marker = '', ...rest } = service;
  return {
    name: 'echo',
    version: '1.0.0',
    module: compiled('test/fixtures/backends/scriptedBackend.ts'),
    args: [mode, marker],
    ...rest,
  };
}

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie is gone; who has to reap it may be slow.
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Starts brokers for a test and makes sure that nothing is left of them. */
export class TestBrokers {
  readonly pids = new Set<number>();
  readonly #directories = new Set<string>();
  readonly #brokers: Broker[] = [];
  #directory: string | undefined;
  #files = 0;

  /** Goes with `stop`; after that there is another one. */
  get directory(): string {
    this.#directory ??= mkdtempSync(join(tmpdir(), 'hc-test-'));
    return this.#directory;
  }

  /** A path that no other caller gets. */
  path(name = 'file'): string {
    this.#files += 1;
    return join(this.directory, `${this.#files}-${name}`);
  }

  async start(options: Partial<BrokerOptions> = {}): Promise<Broker> {
    const broker = await createBroker({
      socketPath: this.path('broker.sock'),
      services: [fixtureService()],
      ackDeadlineMs: NO_DEADLINE_MS,
      startTimeoutMs: NO_DEADLINE_MS,
      ...options,
    });
    this.#brokers.push(broker);
    for (const backend of broker.adoptableBackends()) this.watch(backend);
    broker.on('backendReady', (backend) => this.watch(backend));
    return broker;
  }

  /** Nothing of this process may be left at the end. */
  watch({ pid, endpoint }: { readonly pid: number; readonly endpoint: string }): void {
    this.pids.add(pid);
    this.#directories.add(dirname(endpoint));
  }

  /** Stops the brokers that run now. */
  async stopBrokers(): Promise<void> {
    await Promise.all(this.#brokers.splice(0).map((broker) => broker.stop()));
  }

  /** Stops everything; returns what shouldn't be there any more. */
  async stop(): Promise<string[]> {
    for (const pid of this.pids) {
      // A stopped process can't stop by itself.
      if (isAlive(pid)) process.kill(pid, 'SIGCONT');
    }
    await this.stopBrokers();
    const left = [...this.pids].filter(isAlive).map((pid) => `process ${pid}`);
    const files = readdirSync(this.directory).filter((name) => name.endsWith('.sock'));
    rmSync(this.directory, { recursive: true, force: true });
    this.#directory = undefined;
    const directories = [...this.#directories].filter((directory) => existsSync(directory));
    this.pids.clear();
    this.#directories.clear();
    return [...left, ...files, ...directories];
  }
}
