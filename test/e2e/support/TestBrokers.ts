import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  type AdoptableBackend,
  type Broker,
  type BrokerOptions,
  type BrokerService,
  createBroker,
} from '../../../src/broker';
import { compiled } from '../../support/compiled';
import { eventually } from '../../support/eventually';
import { BrokerProcess } from './BrokerProcess';
import { delayAnswers } from './delayAnswers';

/** Longer than any load takes. Tests of a deadline set their own. */
const NO_DEADLINE_MS = 60_000;
/** The same, for what a test may have to wait for at its end. */
const STOP_TIMEOUT_MS = 20_000;

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
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie is gone, once its threads are; who has to reap it may be slow.
    return fields[0] !== 'Z' || Number(fields[17]) > 1;
  } catch {
    return false;
  }
}

/** Resolves when a process has ended. What has ended it may have done so a moment ago. */
export async function ended(pid: number): Promise<void> {
  await eventually(`process ${pid} to be gone`, () => !isAlive(pid));
}

/** Sends a signal to a process, if it's there. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has gone in the meantime.
  }
}

/** Starts brokers for a test and makes sure that nothing is left of them. */
export class TestBrokers {
  readonly pids = new Set<number>();
  readonly #directories = new Set<string>();
  readonly #brokers: Broker[] = [];
  readonly #endings: (() => unknown)[] = [];
  #directory: string | undefined;
  #files = 0;

  /** Removed by `stop`; created again when it's read afterwards. */
  get directory(): string {
    this.#directory ??= mkdtempSync(join(tmpdir(), 'hc-test-'));
    return this.#directory;
  }

  /** A path that no other caller gets. */
  path(name = 'file'): string {
    this.#files += 1;
    return join(this.directory, `${this.#files}-${name}`);
  }

  /** Starts a broker in this process, with deadlines that no load reaches unless others are given. */
  async start(options: Partial<BrokerOptions> = {}): Promise<Broker> {
    const broker = await createBroker({
      socketPath: this.path('broker.sock'),
      services: [fixtureService()],
      ackDeadlineMs: NO_DEADLINE_MS,
      startTimeoutMs: NO_DEADLINE_MS,
      helloTimeoutMs: NO_DEADLINE_MS,
      stopTimeoutMs: STOP_TIMEOUT_MS,
      ...delayAnswers(options),
    });
    this.#brokers.push(broker);
    for (const backend of broker.adoptableBackends()) this.watch(backend);
    broker.on('backendReady', (backend) => this.watch(backend));
    return broker;
  }

  /** Starts a broker in a process of its own, with the same deadlines. Resolves when every backend takes connections. */
  async startProcess(
    options: BrokerOptions,
  ): Promise<{ broker: BrokerProcess; backends: AdoptableBackend[] }> {
    const broker = this.#process(options);
    const backends = await broker.ready();
    for (const backend of backends) this.watch(backend);
    return { broker, backends };
  }

  /** Starts a broker in a process of its own. Resolves to its backend's process id, before that listens. */
  async startingProcess(options: BrokerOptions): Promise<{ broker: BrokerProcess; pid: number }> {
    const broker = this.#process(options, { TELL_STARTS: '1' });
    const pid = await broker.firstStart();
    this.pids.add(pid);
    return { broker, pid };
  }

  /** Nothing of this process may be left at the end. */
  watch({ pid, endpoint }: { readonly pid: number; readonly endpoint: string }): void {
    this.pids.add(pid);
    this.#directories.add(dirname(endpoint));
  }

  /** Does this with `stop`, whatever becomes of the test: the last one first, and before brokers are stopped. */
  atEnd(end: () => unknown): void {
    this.#endings.push(end);
  }

  /** Stops the brokers that run now. */
  async stopBrokers(): Promise<void> {
    await Promise.all(this.#brokers.splice(0).map((broker) => broker.stop()));
  }

  /** Ends everything; returns what shouldn't be there any more, and what went wrong. */
  async stop(): Promise<string[]> {
    const left: string[] = [];
    const attempt = async (end: () => unknown): Promise<void> => {
      try {
        await end();
      } catch (error) {
        left.push(String(error));
      }
    };
    for (const end of this.#endings.splice(0).reverse()) await attempt(end);
    // A stopped process can't stop by itself.
    for (const pid of this.pids) if (isAlive(pid)) signal(pid, 'SIGCONT');
    await attempt(() => this.stopBrokers());
    for (const pid of this.pids) {
      await attempt(() => ended(pid));
      signal(pid, 'SIGKILL');
    }
    left.push(...readdirSync(this.directory).filter((name) => name.endsWith('.sock')));
    rmSync(this.directory, { recursive: true, force: true });
    left.push(...[...this.#directories].filter((directory) => existsSync(directory)));
    for (const directory of this.#directories) rmSync(directory, { recursive: true, force: true });
    this.#directory = undefined;
    this.pids.clear();
    this.#directories.clear();
    return left;
  }

  #process(options: BrokerOptions, env: Readonly<Record<string, string>> = {}): BrokerProcess {
    const deadlines = { ackDeadlineMs: NO_DEADLINE_MS, startTimeoutMs: NO_DEADLINE_MS };
    const broker = new BrokerProcess({ ...deadlines, helloTimeoutMs: NO_DEADLINE_MS, ...options }, env);
    this.atEnd(() => broker.kill());
    return broker;
  }
}
