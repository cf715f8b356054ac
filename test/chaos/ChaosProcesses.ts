import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerOptions } from '../../src/broker';
import { isAlive } from '../e2e/support/TestBrokers';
import { compiled } from '../support/compiled';
import { type ChaosCommand, type ChaosReport, readLines, writeLine } from './controlMessage';

const DESCRIPTORS = 512;
const POLL_MS = 50;
// The listening socket, the lock, the run's control.
const SOCKETS_OF_BROKER = 3;
// Its endpoint, the run's control.
const SOCKETS_OF_BACKEND = 2;
// Between a broker and each process: one whose end tells that the process takes no more, and the two of the channel.
const SOCKETS_OF_LINK = 3;

/** A process of a run that is there. */
export interface ChaosProcess {
  readonly role: 'broker' | 'backend';
  readonly name: string;
  readonly pid: number;
  readonly socket: Socket;
  ready: boolean;
  stopped: boolean;
}

/** The end of a process. */
export interface ChaosDeath {
  readonly role: 'broker' | 'backend';
  readonly name: string;
  readonly pid: number;
  readonly at: number;
}

type FullReport = Extract<ChaosReport, { type: 'report' }>;

/** The broker of a run and the backends that it has started, and what became of them. */
export class ChaosProcesses {
  readonly socketPath: string;
  readonly deaths: ChaosDeath[] = [];
  /** Processes that the run has killed, or told to die. */
  readonly doomed = new Set<number>();
  onDeath: (death: ChaosDeath) => void = () => {};
  readonly #directory: string;
  readonly #services: readonly string[];
  readonly #pids = new Set<number>();
  readonly #running = new Map<number, ChaosProcess>();
  readonly #control: Server;
  #broker: ChildProcess | undefined;
  #onReport: ((report: FullReport) => void) | undefined;
  #restartDelayMs: () => number = () => 0;
  #isEnding = false;

  constructor(directory: string, services: readonly string[]) {
    this.#directory = directory;
    this.#services = services;
    this.socketPath = join(directory, 'broker.sock');
    this.#control = createServer((socket) => this.#onProcess(socket));
  }

  /** @param restartDelayMs how long a killed broker is left dead */
  async start(restartDelayMs: () => number): Promise<void> {
    this.#restartDelayMs = restartDelayMs;
    await new Promise<void>((resolve) =>
      this.#control.listen(join(this.#directory, 'control.sock'), resolve),
    );
    this.#startBroker();
    await this.until(() => this.#find('broker')?.ready === true);
  }

  get running(): readonly ChaosProcess[] {
    return [...this.#running.values()];
  }

  get broker(): ChaosProcess | undefined {
    return this.#find('broker');
  }

  /** Whether a backend of the service is there that would answer. */
  isReachable(service: string): boolean {
    const backend = this.#find('backend', service);
    return backend?.ready === true && !backend.stopped;
  }

  tell({ socket }: ChaosProcess, command: ChaosCommand): void {
    writeLine(socket, command);
  }

  kill(process: ChaosProcess): void {
    this.doomed.add(process.pid);
    this.signal(process, 'SIGKILL');
  }

  signal({ pid }: ChaosProcess, name: NodeJS.Signals): void {
    try {
      process.kill(pid, name);
    } catch {
      // It has gone in the meantime.
    }
  }

  /** Lets everything come to rest; what the broker says then, or undefined if it never does. */
  async settle(timeoutMs: number): Promise<FullReport | undefined> {
    const end = performance.now() + timeoutMs;
    let last: FullReport | undefined;
    this.#onReport = (report) => {
      last = report;
    };
    while (performance.now() < end) {
      for (const each of this.running) this.signal(each, 'SIGCONT');
      if (this.broker?.ready) this.tell(this.broker, { fault: 'report' });
      await sleep(POLL_MS);
      const isWhole = this.#services.every((service) => this.isReachable(service));
      if (isWhole && last?.ready === true && last.inFlight === 0) return last;
    }
    return undefined;
  }

  /** Sockets that processes have open beside those that they need, once they had time to close them, by process. */
  async leakedSockets(timeoutMs: number): Promise<Map<string, number>> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const leaked = new Map<string, number>();
      for (const { pid, role, name } of this.running) {
        const count = leakOf(pid, role, this.#services);
        if (count > 0) leaked.set(`${role} ${name} (process ${pid})`, count);
      }
      if (leaked.size === 0 || performance.now() > end) return leaked;
      await sleep(POLL_MS);
    }
  }

  /** Ends everything. Resolves to the processes that were still there when the broker had stopped. */
  async end(timeoutMs: number): Promise<string[]> {
    this.#isEnding = true;
    const broker = this.#broker;
    if (broker !== undefined && broker.exitCode === null && broker.signalCode === null) {
      const exited = once(broker, 'exit');
      broker.kill('SIGTERM');
      await Promise.race([exited, sleep(timeoutMs, undefined, { ref: false })]);
    }
    const left = [...this.#pids].filter(isAlive);
    const described = left.map((pid) => {
      const { role = 'unknown', name = '', ready = false } = this.#running.get(pid) ?? {};
      return `${role} ${name} (process ${pid}), ${ready ? 'ready' : 'not ready'}`;
    });
    for (const pid of left) process.kill(pid, 'SIGKILL');
    for (const { socket } of this.running) socket.destroy();
    this.#control.close();
    return described;
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await sleep(POLL_MS);
  }

  #find(role: 'broker' | 'backend', name = 'broker'): ChaosProcess | undefined {
    // The last one is the one that is in use.
    return this.running.filter((each) => each.role === role && each.name === name).at(-1);
  }

  #startBroker(): void {
    const log = openSync(join(this.#directory, 'broker.log'), 'a');
    const options: BrokerOptions = {
      socketPath: this.socketPath,
      stateDirectory: join(this.#directory, 'state'),
      policy: { maxFailedAttemptsPerWindow: 20, failedAttemptWindowMs: 2000 },
      ackDeadlineMs: 200,
      stopTimeoutMs: 2000,
      services: this.#services.map((name) => ({
        name,
        version: '1.0.0',
        module: compiled('test/chaos/chaosBackend.ts'),
        env: { CHAOS_NAME: name },
      })),
    };
    const script = `ulimit -n ${DESCRIPTORS}; exec "$0" "$@"`;
    const args = [
      '-c',
      script,
      process.execPath,
      compiled('test/chaos/chaosBroker.ts'),
      JSON.stringify(options),
    ];
    this.#broker = spawn('sh', args, {
      stdio: ['ignore', log, log],
      env: {
        ...process.env,
        CHAOS_CONTROL: join(this.#directory, 'control.sock'),
        CHAOS_RECORD: join(this.#directory, 'record'),
      },
    });
    closeSync(log);
    if (this.#broker.pid !== undefined) this.#pids.add(this.#broker.pid);
    this.#broker.once('exit', () => {
      if (!this.#isEnding) setTimeout(() => this.#startBroker(), this.#restartDelayMs());
    });
  }

  #onProcess(socket: Socket): void {
    let process: ChaosProcess | undefined;
    socket.on('error', () => {});
    readLines<ChaosReport>(socket, (report) => {
      if (report.type === 'hello') {
        const { role, name, pid } = report;
        process = { role, name, pid, socket, ready: false, stopped: false };
        this.#pids.add(pid);
        this.#running.set(pid, process);
      } else if (report.type === 'ready') {
        if (process !== undefined) process.ready = true;
      } else {
        this.#onReport?.(report);
      }
    });
    socket.on('close', () => {
      if (process === undefined) return;
      this.#running.delete(process.pid);
      const { role, name, pid } = process;
      const death = { role, name, pid, at: performance.now() };
      this.deaths.push(death);
      this.onDeath(death);
    });
  }
}

function leakOf(pid: number, role: 'broker' | 'backend', services: readonly string[]): number {
  try {
    const needed =
      role === 'broker'
        ? SOCKETS_OF_BROKER + SOCKETS_OF_LINK * services.length
        : SOCKETS_OF_BACKEND + SOCKETS_OF_LINK;
    const sockets = readdirSync(`/proc/${pid}/fd`).filter((name) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${name}`).startsWith('socket:');
      } catch {
        return false;
      }
    });
    return Math.max(0, sockets.length - needed);
  } catch {
    return 0;
  }
}
