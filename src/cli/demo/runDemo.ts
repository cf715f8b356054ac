import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { HandoffFallbackPolicy } from '../../index';
import { backendTable, toRows } from '../backendTable';
import { colorsFor } from '../colorsFor';
import { LiveView } from '../LiveView';
import { type DemoSummary, summarize } from './DemoSummary';
import type {
  DemoBrokerReport,
  DemoBrokerStart,
  DemoClientsReport,
  DemoClientsStart,
  DemoLatencies,
  DemoReady,
  DemoStop,
} from './demoMessages';
import { renderSummary } from './renderDemo';

const START_TIMEOUT_MS = 20_000;
/** Interval of the reports to the viewer. */
const LATENCIES_EVERY_MS = 1_000;
/** Time for a child to finish its connections and exit before it's killed. */
const STOP_TIMEOUT_MS = 15_000;

export interface DemoOptions {
  /** How long clients run, in milliseconds. */
  readonly durationMs: number;
  /** Clients at a time, from 1. */
  readonly clients: number;
  readonly policy: HandoffFallbackPolicy;
  /** Print only one JSON object. */
  readonly json: boolean;
  /** TCP port of the viewer on 127.0.0.1, 0 for any free one; undefined for no viewer. */
  readonly viewerPort: number | undefined;
  /** Ends the run early. */
  readonly signal: AbortSignal;
}

type Report = DemoBrokerReport | DemoClientsReport | DemoReady;

/** A child process of the demo, in a process group of its own, so that a terminal's Ctrl-C reaches only this process. */
class DemoChild {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(
    readonly name: string,
    module: string,
    readonly onReport: (report: Report) => void,
  ) {
    // A child's output goes to standard error: standard output is for this process.
    this.#child = fork(join(__dirname, module), [], { detached: true, stdio: ['ignore', 2, 2, 'ipc'] });
    // A child that can't be started emits only `error`.
    this.#exited = new Promise((resolve) => this.#child.once('exit', resolve).on('error', resolve));
    this.#child.on('message', (report: Report) => onReport(report));
  }

  async start(message: DemoBrokerStart | DemoClientsStart): Promise<DemoReady> {
    this.#child.send(message, () => undefined);
    const answer = await Promise.race([
      once(this.#child, 'message').then(([ready]: DemoReady[]) => ready ?? ('exited' as const)),
      this.#exited.then(() => 'exited' as const),
      delay(START_TIMEOUT_MS, 'late' as const, { ref: false }),
    ]);
    if (typeof answer === 'string')
      throw new Error(
        `The demo's ${this.name} process did not start: it ${answer === 'late' ? 'is late' : answer}`,
      );
    return answer;
  }

  tell(message: DemoLatencies): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** Resolves when the process has ended, by itself or by force. */
  async stop(): Promise<void> {
    const stop: DemoStop = { type: 'stop' };
    if (this.#child.connected) this.#child.send(stop, () => undefined);
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.#exited;
    clearTimeout(kill);
  }

  get hasEnded(): Promise<unknown> {
    return this.#exited;
  }
}

/** The number of clients without handoff support: a quarter, at least one of two or more. */
function countWithoutHandoff(clients: number): number {
  return clients === 1 ? 0 : Math.max(1, Math.floor(clients / 4));
}

/**
 * Runs and prints the demo: a broker process, working and failing backends, and client processes. Leaves no process or file
 * behind.
 * @throws {Error} a process didn't start, or ended too early (the promise rejects)
 */
export async function runDemo({
  durationMs,
  clients,
  policy,
  json,
  viewerPort,
  signal,
}: DemoOptions): Promise<DemoSummary> {
  const directory = await mkdtemp(join(tmpdir(), 'handoff-demo-'));
  const socketPath = join(directory, 'broker.sock');
  const children: DemoChild[] = [];
  const clientReports = new Map<DemoChild, DemoClientsReport>();
  let brokerReport: DemoBrokerReport | undefined;
  const handedOff: number[] = [];
  const reconnected: number[] = [];
  const colors = colorsFor(process.stdout);
  const view = json ? undefined : new LiveView(process.stdout);
  const launch = (name: string, module: string): DemoChild => {
    const child = new DemoChild(name, module, (report) => {
      if (report.type === 'clients') {
        clientReports.set(child, report);
        handedOff.push(...report.recentMs.handedOff);
        reconnected.push(...report.recentMs.reconnected);
      }
      if (report.type !== 'broker') return;
      brokerReport = report;
      view?.show((width) =>
        backendTable(toRows(report.backends), policy.maxFailedAttemptsPerWindow, width, colors),
      );
    });
    children.push(child);
    return child;
  };

  let timer: NodeJS.Timeout | undefined;
  try {
    const broker = launch('broker', 'demoBroker.js');
    const ready = await broker.start({
      type: 'start',
      socketPath,
      endpointDirectory: directory,
      policy,
      viewerPort,
    });
    if (ready.viewerUrl !== undefined) {
      if (!json) process.stdout.write(`Watch the charts live at ${colors.bold(ready.viewerUrl)}\n\n`);
      timer = setInterval(() => {
        broker.tell({
          type: 'latencies',
          handedOff: handedOff.splice(0),
          reconnected: reconnected.splice(0),
        });
      }, LATENCIES_EVERY_MS);
    }
    const withoutHandoff = countWithoutHandoff(clients);
    const groups = [
      { count: clients - withoutHandoff, handoff: true },
      { count: withoutHandoff, handoff: false },
    ].filter(({ count }) => count > 0);
    const startedAt = performance.now();
    const clientProcesses = groups.map(({ count, handoff }) => {
      const child = launch('client', 'demoClients.js');
      return { child, started: child.start({ type: 'start', socketPath, clients: count, handoff }) };
    });
    await Promise.all(clientProcesses.map(({ started }) => started));
    const end = await Promise.race([
      delay(durationMs, 'over' as const, { signal }).catch(() => 'over' as const),
      ...[broker, ...clientProcesses.map(({ child }) => child)].map((child) =>
        child.hasEnded.then(() => child.name),
      ),
    ]);
    const workedMs = performance.now() - startedAt;
    if (end !== 'over') throw new Error(`The demo\u2019s ${end} process ended too early`);
    // Clients first: their connections need the broker.
    for (const child of [...children].reverse()) await child.stop();
    return summarize(workedMs, { ...policy }, [...clientReports.values()], brokerReport);
  } finally {
    clearInterval(timer);
    await Promise.all([...children].map((child) => child.stop()));
    await rm(directory, { recursive: true, force: true });
    view?.end();
  }
}

/** Prints the summary as JSON or text. */
export function printSummary(summary: DemoSummary, json: boolean): void {
  process.stdout.write(
    json
      ? `${JSON.stringify(summary, null, 2)}\n`
      : `\n${renderSummary(summary, colorsFor(process.stdout))}\n`,
  );
}
