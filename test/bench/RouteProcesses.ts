import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { buildSync } from 'esbuild';
import {
  type ControlAnswer,
  type ControlOrder,
  controlPath,
  type ProcessRole,
  type RoundOrder,
  type RoundResult,
} from './routeProcesses/control';

const ROOT = resolve(__dirname, '../..');
const WORKERS = 'test/bench/routeProcesses';
const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;
/** For what a round leaves behind, such as the last acknowledgement, to be done and counted. */
const SETTLE_MS = 10;

export const ROLES = ['broker', 'backend', 'clients'] as const satisfies readonly ProcessRole[];

export interface MeasuredRound extends RoundResult {
  /** User and system time of each process, from before the round until it is quiet again. */
  readonly cpuMs: Readonly<Record<ProcessRole, number>>;
}

function newestMs(directory: string, extension: string): number {
  let newest = 0;
  for (const entry of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    if (entry.endsWith(extension)) newest = Math.max(newest, statSync(join(directory, entry)).mtimeMs);
  }
  return newest;
}

/** What is measured is what is shipped: compiled as for the package, and of this moment. */
function buildIfStale(): void {
  const sources = Math.max(...['src', 'machines'].map((name) => newestMs(join(ROOT, name), '.ts')));
  try {
    // The oldest of a build's files is as good as any: the compiler writes all of them.
    if (statSync(join(ROOT, 'dist/src/broker/Broker.js')).mtimeMs >= sources) return;
  } catch {
    // Never built.
  }
  execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
  });
}

/** Compiles the processes into the directory, laid out so that their imports of `src` lead to `dist`. */
function compileWorkers(directory: string): void {
  symlinkSync(join(ROOT, 'dist/src'), join(directory, 'src'));
  buildSync({
    entryPoints: ['control', ...ROLES].map((name) => join(ROOT, WORKERS, `${name}.ts`)),
    outdir: join(directory, WORKERS),
    format: 'cjs',
    platform: 'node',
    target: 'es2022',
  });
}

class Controlled {
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;

  constructor(socket: Socket) {
    this.#socket = socket;
    // Its end is told by the lines.
    socket.on('error', () => {});
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  async next(): Promise<ControlAnswer> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error('A process of the bench ended before its time');
    const answer = JSON.parse(line.value) as ControlAnswer;
    if (answer.type === 'failed') throw new Error(answer.message);
    return answer;
  }

  order(order: ControlOrder): void {
    this.#socket.write(`${JSON.stringify(order)}\n`);
  }

  async usage(): Promise<number> {
    this.order({ type: 'usage' });
    const answer = await this.next();
    if (answer.type !== 'usage') throw new Error(`Asked for its usage, a process answered ${answer.type}`);
    return answer.cpuMs;
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** How the broker passes handles: as it does by itself, or over Node's own channel. */
export type RouteTransport = 'default' | 'nodeIpc';

export interface RouteProcessesOptions {
  /** Directory that Node's `--cpu-prof` of each process writes to, as `ROLE.cpuprofile`. */
  readonly cpuProfiles?: string;
  readonly transport?: RouteTransport;
}

interface Member {
  readonly controlled: Controlled;
  readonly pid: number;
}

/**
 * A broker, its backend and a client process, each of its own, running the compiled package. Without this process they
 * end by themselves and leave no file.
 */
export class RouteProcesses {
  readonly #directory: string;
  readonly #server: Server;
  readonly #children: ChildProcess[] = [];
  readonly #members = new Map<ProcessRole, Member>();
  #onMember: () => void = () => {};

  private constructor(directory: string) {
    this.#directory = directory;
    this.#server = createServer((socket) => void this.#onControl(new Controlled(socket)));
  }

  /**
   * @throws Error a process could not be started, or the package could not be compiled
   */
  static async start({
    cpuProfiles,
    transport = 'default',
  }: RouteProcessesOptions = {}): Promise<RouteProcesses> {
    buildIfStale();
    const processes = new RouteProcesses(mkdtempSync(join(tmpdir(), 'handoff-routes-')));
    try {
      await processes.#start(transport, cpuProfiles);
      return processes;
    } catch (error) {
      await processes.stop();
      throw error;
    }
  }

  pidOf(role: ProcessRole): number {
    return this.#member(role).pid;
  }

  /** Runs a round, and waits until nothing of it is left. */
  async run(round: RoundOrder): Promise<MeasuredRound> {
    const before = await this.#usages();
    const clients = this.#member('clients').controlled;
    clients.order({ type: 'round', round });
    const answer = await clients.next();
    if (answer.type !== 'round') throw new Error(`Told to run a round, a process answered ${answer.type}`);
    await delay(SETTLE_MS);
    const after = await this.#usages();
    const used = (role: ProcessRole): number => after[role] - before[role];
    return {
      ...answer.result,
      cpuMs: { broker: used('broker'), backend: used('backend'), clients: used('clients') },
    };
  }

  /** Ends the processes and removes their files. */
  async stop(): Promise<void> {
    for (const role of ['clients', 'broker'] as const) {
      this.#members.get(role)?.controlled.order({ type: 'stop' });
    }
    await Promise.all(this.#children.map(endOf));
    for (const { controlled } of this.#members.values()) controlled.close();
    this.#server.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #start(transport: RouteTransport, cpuProfiles: string | undefined): Promise<void> {
    compileWorkers(this.#directory);
    this.#server.listen(controlPath(this.#directory));
    await once(this.#server, 'listening');
    const nodeArguments = (role: ProcessRole): readonly string[] =>
      cpuProfiles === undefined
        ? []
        : [
            '--cpu-prof',
            '--cpu-prof-interval=200',
            `--cpu-prof-dir=${cpuProfiles}`,
            `--cpu-prof-name=${role}.cpuprofile`,
          ];
    await this.#launch(
      [
        ...nodeArguments('broker'),
        this.#worker('broker'),
        this.#directory,
        transport,
        ...nodeArguments('backend'),
      ],
      ['broker', 'backend'],
    );
    await this.#launch([...nodeArguments('clients'), this.#worker('clients'), this.#directory], ['clients']);
  }

  #worker(role: ProcessRole): string {
    return join(this.#directory, WORKERS, `${role}.js`);
  }

  async #launch(args: readonly string[], roles: readonly ProcessRole[]): Promise<void> {
    // In a group of its own: a terminal's Ctrl-C ends this process, and with it they end in good order.
    const child = spawn(process.execPath, args, { stdio: ['ignore', 2, 2], detached: true });
    this.#children.push(child);
    const present = new Promise<'present'>((resolve) => {
      this.#onMember = () => {
        if (roles.every((role) => this.#members.has(role))) resolve('present');
      };
    });
    const outcome = await Promise.race([
      present,
      once(child, 'exit').then(() => 'ended' as const),
      delay(START_TIMEOUT_MS, 'late' as const, { ref: false }),
    ]);
    if (outcome !== 'present') throw new Error(`The bench's ${roles[0]} process did not start: ${outcome}`);
  }

  async #onControl(controlled: Controlled): Promise<void> {
    try {
      const hello = await controlled.next();
      if (hello.type !== 'hello') return;
      this.#members.set(hello.role, { controlled, pid: hello.pid });
      this.#onMember();
    } catch {
      // It ended at once, which whoever started it sees.
    }
  }

  async #usages(): Promise<Record<ProcessRole, number>> {
    const [broker, backend, clients] = await Promise.all([
      this.#member('broker').controlled.usage(),
      this.#member('backend').controlled.usage(),
      this.#member('clients').controlled.usage(),
    ]);
    return { broker, backend, clients };
  }

  #member(role: ProcessRole): Member {
    const member = this.#members.get(role);
    if (member === undefined) throw new Error(`There is no ${role} process`);
    return member;
  }
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await once(child, 'exit');
  clearTimeout(timer);
}
