import { existsSync, mkdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { inspect, isDeepStrictEqual } from 'node:util';
import type { AnyMachineSnapshot, EventObject, InspectionEvent } from 'xstate';
import { backendLifecycle } from '../../machines';
import type { BackendKey } from '../../src';
import {
  type BackendExitEvent,
  type BackendReadyEvent,
  type Broker,
  type BrokerOptions,
  createNodeIpcTransport,
  createScmRightsTransport,
} from '../../src/broker';
import { verifyProcess } from '../../src/broker/backends/verifyProcess';
import { holdProcess } from '../e2e/support/holdProcess';
import { ended, fixtureService, isAlive, signal, type TestBrokers } from '../e2e/support/TestBrokers';
import { takesConnections } from '../e2e/support/takesConnections';
import { compiled } from '../support/compiled';
import { eventually } from '../support/eventually';
import { LifecycleModel } from './LifecycleModel';
import { happeningName, happeningOf, LIFECYCLE_DELAYS } from './lifecycleGraph';
import { endsInAnyOrder, type LifecyclePath } from './lifecycleProcessGraph';

const KEY: BackendKey = { instance: 'shared', serviceName: 'echo', serviceVersion: '1.0.0' };
/** A delay whose end a path waits for. */
const SOON_MS = 5;
/** Any other: beyond what a test may take. */
const NEVER_MS = 600_000;
/** How long the broker waits for an adopted process after SIGTERM; only one that ignores it comes to the end. */
const ADOPTED_STOP_MS = 400;
const WAIT_MS = 60_000;
/** Of a process that can't be held any more. */
const ENDED: readonly LifecycleModel['phase'][] = ['killed', 'exited', 'gone', 'left'];

const soonOf = new WeakMap<object, ReadonlySet<string>>();

/** From now on a delay of a process ends soon where its path waits for it, and else never: no load can change the order. */
export function leadDelays(): void {
  const delays = backendLifecycle.implementations.delays as Record<string, unknown>;
  for (const delay of LIFECYCLE_DELAYS) {
    delays[delay] = ({ self }: { self: object }) => (soonOf.get(self)?.has(delay) ? SOON_MS : NEVER_MS);
  }
}

/**
 * From now on it's noticed that a process takes no more connections where its path waits for it, and else never: of a process
 * that ends the system decides what is told first. Needs `jest.mock` of `verifyProcess`.
 */
function leadProbes(mayNotice: boolean): void {
  const { verifyProcess: verify } = jest.requireActual('../../src/broker/backends/verifyProcess');
  const found = new Set<string>();
  jest.mocked(verifyProcess).mockImplementation(async (expected, timeoutMs) => {
    try {
      const watch = await verify(expected, timeoutMs);
      found.add(expected.endpoint);
      return watch;
    } catch (error) {
      if (found.has(expected.endpoint) && !mayNotice) await new Promise(() => {});
      throw error;
    }
  });
}

/** One process of the backend, as the chart is told of it. */
interface Life {
  readonly model: LifecycleModel;
  readonly told: string[];
  pid: number | undefined;
  endpoint: string | undefined;
}

/** What became of a request to replace the process. */
interface Asked {
  /** How much the chart had told before. */
  readonly at: number;
  outcome: string;
}

/** Leads one process of a real broker along a path, and compares every process of that backend with the model. */
export class LifecycleRun {
  /** What was not as the model says. */
  readonly wrong: string[] = [];
  compared = 0;
  readonly #brokers: TestBrokers;
  readonly #path: LifecyclePath;
  readonly #watch: (event: InspectionEvent) => void;
  readonly #isAdopted: boolean;
  readonly #isShared: boolean;
  readonly #marker: string;
  readonly #startFile: string;
  readonly #module: string;
  readonly #options: BrokerOptions;
  readonly #lives = new Map<unknown, Life>();
  readonly #ready: BackendReadyEvent[] = [];
  readonly #exits: BackendExitEvent[] = [];
  readonly #asked: Asked[] = [];
  readonly #waiting = new Set<() => void>();
  #broker: Broker | undefined;
  #stopped: ReturnType<Broker['stop']> | undefined;
  #othersAtExit: readonly NodeJS.ExitListener[] = [];
  /** The process that is led: the next one that comes once this is so. */
  #isLeading = false;
  #subject: Life | undefined;
  #position = 0;
  /** How it is to end. */
  #exit: Pick<BackendExitEvent, 'code' | 'signal'> = { code: null, signal: null };
  #isHeld = false;
  #isFollowed = false;
  #hasSuccessor = false;
  #isEnding = false;
  #isOver = false;

  /** @param watch told of all that XState tells of the broker's charts. */
  constructor(brokers: TestBrokers, path: LifecyclePath, watch: (event: InspectionEvent) => void) {
    this.#brokers = brokers;
    this.#path = path;
    this.#watch = watch;
    this.#isAdopted = this.#mentions('process.found');
    leadProbes(this.#isAdopted || this.#mentions('endpoint.closed'));
    this.#isShared = path.some(({ event }) => 'isChannelOpen' in event && event.isChannelOpen === true);
    this.#marker = brokers.path('marker');
    this.#startFile = brokers.path('start');
    this.#module = brokers.path('backend.js');
    this.#placeModule();
    const endpointDirectory = brokers.path('endpoints');
    mkdirSync(endpointDirectory, { mode: 0o700 });
    const subject = fixtureService('', {
      module: this.#module,
      env: {
        MARKER: this.#marker,
        START_FILE: this.#startFile,
        ...(this.#isAdopted && this.#mentions('killTimeout') ? { IGNORES_SIGTERM: '1' } : {}),
      },
    });
    this.#options = {
      socketPath: brokers.path('broker.sock'),
      // A broker has one service at least.
      services: this.#mentions('retirement.asked')
        ? [subject, fixtureService('echo', { name: 'keeper' })]
        : [subject],
      endpointDirectory,
      // A channel that another program can keep open; an adopted process can't be rejoined over it.
      transport: this.#mentions('channel.opened') ? createScmRightsTransport() : createNodeIpcTransport(),
      stopTimeoutMs: this.#isAdopted ? ADOPTED_STOP_MS : WAIT_MS,
    };
  }

  #mentions(name: string): boolean {
    return this.#path.some(({ event }) => happeningName(event) === name);
  }

  get #present(): Broker {
    if (this.#broker === undefined) throw new Error('the broker is not started');
    return this.#broker;
  }

  get #led(): Life {
    if (this.#subject === undefined) throw new Error('there is no process to lead');
    return this.#subject;
  }

  #placeModule(): void {
    if (existsSync(this.#module)) return;
    symlinkSync(compiled('test/fixtures/backends/ledBackend.ts'), this.#module);
  }

  #compare(what: string, actual: unknown, expected: unknown): void {
    this.compared += 1;
    if (isDeepStrictEqual(actual, expected)) return;
    this.wrong.push(`${what}: ${inspect(actual)}, not ${inspect(expected)}`);
  }

  readonly #inspect = (event: InspectionEvent): void => {
    try {
      this.#watch(event);
      this.#see(event);
    } catch (error) {
      // A broker goes on whatever its observer throws.
      this.wrong.push(String(error));
    }
  };

  #see(event: InspectionEvent): void {
    const id = 'id' in event.actorRef ? String(event.actorRef.id) : '';
    if (!id.startsWith('echo@1.0.0 p')) return;
    // It's told again under the name that it gets with its process.
    if (event.type === '@xstate.actor' && !this.#lives.has(event.actorRef)) this.#begin(event.actorRef);
    if (event.type !== '@xstate.snapshot') return;
    const life = this.#lives.get(event.actorRef);
    if (life === undefined) return;
    const [, pid] = / pid (\d+)$/.exec(id) ?? [];
    if (pid !== undefined) {
      life.pid = Number(pid);
      this.#brokers.pids.add(life.pid);
      if (this.#isOver) signal(life.pid, 'SIGKILL');
    }
    if (event.event.type !== 'xstate.init') {
      this.#take(life, event.event, event.snapshot as AnyMachineSnapshot);
    }
    for (const check of this.#waiting) check();
  }

  #begin(actorRef: object): void {
    const life: Life = { model: new LifecycleModel(), told: [], pid: undefined, endpoint: undefined };
    this.#lives.set(actorRef, life);
    if (this.#subject !== undefined) this.#hasSuccessor = true;
    if (this.#isLeading && this.#subject === undefined) {
      this.#subject = life;
      soonOf.set(actorRef, new Set(this.#path.map(({ event }) => happeningName(event))));
    } else {
      soonOf.set(actorRef, new Set(['restartDelay']));
    }
  }

  #take(life: Life, event: EventObject, snapshot: AnyMachineSnapshot): void {
    const name = happeningName(event);
    if (['retirement.asked', 'stop.asked', 'leave.asked'].includes(name)) this.#isEnding = true;
    const told = life.model.take(happeningOf(event));
    life.told.push(...told);
    // Its successor may start.
    if (life === this.#subject && told.some((each) => each.startsWith('vacated')))
      writeFileSync(this.#startFile, '');
    this.#compareShown(`after ${name}`);
    if (told.includes('spawn') && life.pid !== undefined) {
      this.#compare(`${life.pid} runs after ${name}`, isAlive(life.pid), true);
    }
    if (life === this.#subject && !this.#isFollowed) this.#follow(name, snapshot);
  }

  /** The chart is where the path has it. What comes beside the path changes nothing. */
  #follow(name: string, { value }: AnyMachineSnapshot): void {
    const next = this.#path[this.#position];
    if (next !== undefined && happeningName(next.event) === name) this.#position += 1;
    const isEnding = next !== undefined && endsInAnyOrder(next.state.world, next.event);
    if (isEnding && this.#led.model.phase !== 'gone') return;
    const state = this.#path[this.#position - 1]?.state;
    if (state !== undefined) this.#compare(`the chart after ${name}`, value, state.chart.value);
    if (this.#isHeld) this.#compareSignals(name);
  }

  /** A process that is held keeps the signal. */
  #compareSignals(name: string): void {
    const { model, told, pid } = this.#led;
    if (pid === undefined || ENDED.includes(model.phase)) return;
    const isTold = told.includes('askToStop') && !told.includes('ready');
    // Without a channel it's asked by the signal too.
    const isSent = told.includes('terminate') || isTold;
    this.#compare(`SIGTERM sent after ${name}`, hasPending(pid, 'SIGTERM'), isSent);
  }

  /** What the broker shows is that of its newest process. */
  #compareShown(at: string): void {
    if (this.#broker === undefined) return;
    const newest = [...this.#lives.values()].at(-1);
    const own = newest?.model.shown;
    const none = this.#isEnding ? 'stopping' : 'restarting';
    const expected =
      this.#stopped === undefined ? { process: own === 'none' ? none : own, pid: newest?.pid } : undefined;
    const [shown] = this.#broker.backends();
    this.#compare(`shown ${at}`, shown && { process: shown.process, pid: shown.pid }, expected);
    if (newest !== undefined && shown?.endpoint !== undefined) newest.endpoint = shown.endpoint;
  }

  /** As `eventually`, but goes on before any timer: the delays of the chart run. */
  #until(what: string, isSo: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(check);
      };
      const check = (): void => {
        if (!isSo()) return;
        end();
        resolve();
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`waited for ${what}; the process was told ${this.#subject?.told.join(', ')}`));
      }, WAIT_MS);
      this.#waiting.add(check);
      check();
    });
  }

  async #start(): Promise<void> {
    if (this.#isAdopted) {
      const first = await this.#brokers.start(this.#options);
      const { adopt } = await first.stop({ backends: 'leave' });
      this.#isLeading = true;
      await this.#startBroker({ ...this.#options, adopt });
      return;
    }
    await this.#startBroker(this.#options);
    this.#isLeading = true;
    if (this.#mentions('spawn.failed')) unlinkSync(this.#module);
    if (this.#path[0]?.event.type === 'start.asked') this.#respawn();
    else signal(this.#present.backends()[0]?.pid ?? Number.NaN, 'SIGKILL');
    await this.#until('the next process', () => this.#subject !== undefined);
  }

  async #startBroker(options: BrokerOptions): Promise<void> {
    this.#broker = await this.#brokers.start({ ...options, inspect: this.#inspect });
    this.#broker.on('backendReady', (event) => this.#ready.push(event));
    this.#broker.on('backendExit', (event) => this.#exits.push(event));
    this.#compareShown('after the start');
  }

  /** Asked for twice at once, it's done once. */
  #respawn(): void {
    for (const _ of [1, 2]) {
      const asked: Asked = { at: this.#subject?.told.length ?? 0, outcome: 'waits' };
      this.#asked.push(asked);
      this.#present.respawnBackend(KEY).then(
        () => {
          asked.outcome = 'replaced';
        },
        ({ code }) => {
          asked.outcome = code;
        },
      );
    }
  }

  #stop(backends: 'stop' | 'leave'): void {
    this.#othersAtExit = process.listeners('exit');
    this.#stopped = this.#present.stop({ backends });
    // Whoever looks at the result is told.
    this.#stopped.catch(() => {});
  }

  /** Makes happen what doesn't come by itself. */
  async #provoke({ event }: LifecyclePath[number]): Promise<void> {
    const { pid } = this.#led;
    const name = happeningName(event);
    // What is held can't do what it's asked for, until the path has it end. An adopted one has to answer.
    if (name.endsWith('.asked') && !this.#isAdopted) this.#hold();
    switch (name) {
      case 'replacement.asked':
        this.#respawn();
        return;
      case 'retirement.asked':
        await this.#present.reload({ ...this.#options, services: this.#options.services.slice(1) });
        return;
      case 'stop.asked':
        this.#stop('stop');
        return;
      case 'leave.asked':
        this.#stop('leave');
        return;
      case 'kill.asked':
        // As Node does at the end of a process.
        for (const listener of process.listeners('exit')) {
          if (!this.#othersAtExit.includes(listener)) listener(0);
        }
        return;
      case 'process.listening':
        writeFileSync(this.#startFile, '');
        return;
      case 'process.exited':
        this.#endProcess();
        return;
      case 'channel.closed':
        signal(await this.#keeper(), 'SIGKILL');
        return;
      case 'endpoint.closed':
        if (pid === undefined) return;
        await this.#booted(pid);
        signal(pid, 'SIGUSR2');
        return;
      default:
        return;
    }
  }

  #hold(): void {
    const { pid, model } = this.#led;
    if (pid === undefined || this.#isHeld || ENDED.includes(model.phase)) return;
    holdProcess(pid);
    this.#isHeld = true;
  }

  #release(): void {
    signal(this.#led.pid ?? Number.NaN, 'SIGCONT');
    this.#isHeld = false;
  }

  /** By what it was asked or sent, where it was. */
  #endProcess(): void {
    const { model, told, pid = Number.NaN } = this.#led;
    const { channel } = this.#path[this.#position - 1]?.state.world ?? {};
    if (this.#isAdopted) {
      if (!told.includes('terminate')) signal(pid, 'SIGKILL');
    } else if (model.phase === 'terminated' || (model.phase === 'asked' && !told.includes('ready'))) {
      this.#exit = { code: null, signal: 'SIGTERM' };
      this.#release();
    } else if (told.includes('askToStop') && model.phase !== 'killed' && channel === 'open') {
      this.#exit = { code: 0, signal: null };
      writeFileSync(this.#startFile, '');
      this.#release();
    } else {
      this.#exit = { code: null, signal: 'SIGKILL' };
      if (model.phase !== 'killed') signal(pid, 'SIGKILL');
    }
  }

  #booted(pid: number): Promise<unknown> {
    return eventually('it to listen for signals', () => existsSync(`${this.#marker}-${pid}`));
  }

  #left(): Promise<unknown> {
    return eventually('it to leave', () => existsSync(`${this.#marker}-${this.#led.pid}-left`));
  }

  /** The process that shares its channel. */
  #keeper(): Promise<number> {
    const file = `${this.#marker}-${this.#led.pid}-keeper`;
    return eventually('the program that keeps its channel', () => Number(readFileSync(file, 'utf8')));
  }

  /** Its channel stays open after its end, which is told first then. */
  async #share(): Promise<void> {
    const { pid = Number.NaN } = this.#led;
    await this.#booted(pid);
    signal(pid, 'SIGHUP');
    this.#brokers.pids.add(await this.#keeper());
  }

  async run(): Promise<void> {
    this.#brokers.atEnd(() => this.#end());
    await this.#start();
    for (const [i, step] of this.#path.entries()) {
      // The start of a process that an atOnce brings, and of what can't be started, comes with what was before.
      if (this.#position <= i) await this.#provoke(step);
      const name = happeningName(step.event);
      if (endsInAnyOrder(step.state.world, step.event)) {
        await this.#until('its end', () => this.#led.model.phase === 'gone');
      } else {
        await this.#until(name, () => this.#position > i);
      }
      if (this.#position === i + 1 && this.#isShared && this.#led.told.at(-1) === 'spawn')
        await this.#share();
      // What it gets now can be seen.
      if (name === 'endpoint.closed' && !this.#isAdopted) {
        await this.#left();
        this.#hold();
      }
    }
    await this.#readToEnd();
    await this.#compareEnd();
  }

  /** What has exited is told of when its messages are read. */
  async #readToEnd(): Promise<void> {
    this.#isFollowed = true;
    if (this.#led.model.phase !== 'exited') return;
    signal(await this.#keeper(), 'SIGKILL');
    await this.#until('its last messages', () => this.#led.model.phase === 'gone');
  }

  /** Nothing that a path left undone may hold up the end. */
  async #end(): Promise<void> {
    this.#isOver = true;
    this.#placeModule();
    writeFileSync(this.#startFile, '');
    void this.#broker?.stop().catch(() => {});
    await new Promise(setImmediate);
    for (const pid of this.#brokers.pids) signal(pid, 'SIGKILL');
  }

  async #compareEnd(): Promise<void> {
    const { told, model, pid, endpoint } = this.#led;
    const vacated = told.find((each) => each.startsWith('vacated '));
    const wasReady = told.includes('ready');
    const hasSuccessor = vacated !== undefined && vacated !== 'vacated never';
    this.#compare('a successor', this.#hasSuccessor, hasSuccessor);
    if (hasSuccessor && !this.#isEnding) await this.#compareSuccessor();
    for (const asked of this.#asked) {
      const expected = this.#outcomeAfter(asked.at);
      if (expected !== 'waits') await eventually('an answer', () => asked.outcome !== 'waits');
      this.#compare('the answer to who asked for another process', asked.outcome, expected);
    }
    if (pid !== undefined && !this.#isAdopted) {
      const ready = this.#ready.filter((event) => event.pid === pid);
      this.#compare('events of its readiness', ready.length, wasReady ? 1 : 0);
    }
    const isGone = model.phase === 'gone';
    const exits = this.#exits.filter((event) => pid !== undefined && event.pid === pid);
    // Of a failed start nobody is told that it has ended.
    const isTold = isGone && pid !== undefined && (wasReady || !hasSuccessor);
    this.#compare(
      'events of its end',
      exits.map(({ code, signal, adopted, restartInMs }) => ({
        code,
        signal,
        adopted,
        restarts: restartInMs !== undefined,
      })),
      isTold
        ? [{ ...this.#exit, adopted: this.#isAdopted, restarts: vacated === 'vacated afterBackoff' }]
        : [],
    );
    if (isGone && pid !== undefined) {
      await ended(pid);
      this.#compare('its endpoint', existsSync(endpoint ?? ''), false);
    }
    if (model.phase === 'left') await this.#compareLeft();
  }

  async #compareSuccessor(): Promise<void> {
    this.#placeModule();
    await eventually('its successor', () => this.#present.backends()[0]?.process === 'ready');
    const { pid } = this.#present.backends()[0] ?? {};
    this.#compare('a process of its own', pid !== undefined && pid !== this.#led.pid, true);
    const { backend, pid: ready, adopted } = this.#ready.at(-1) ?? {};
    this.#compare('what is ready', { backend, pid: ready, adopted }, { backend: KEY, pid, adopted: false });
    const lives = [...this.#lives.values()];
    // One that can't be started is tried again and again.
    const successors = lives.slice(lives.indexOf(this.#led) + 1).filter((life) => life.pid !== undefined);
    this.#compare('started successors', successors.length, 1);
  }

  async #compareLeft(): Promise<void> {
    const { pid = Number.NaN, endpoint = '' } = this.#led;
    const hasTakenLeave = this.#mentions('endpoint.closed');
    const { adopt } = (await this.#stopped) ?? { adopt: [] };
    this.#compare('whether it runs', isAlive(pid), true);
    const isAdoptable = adopt.some((each) => each.pid === pid);
    this.#compare('whether a later broker can adopt it', isAdoptable, !hasTakenLeave);
    this.#compare('whether it takes connections', await takesConnections(endpoint), !hasTakenLeave);
  }

  /** What becomes of a request for another process after so much was told. */
  #outcomeAfter(at: number): string {
    const [next] = this.#led.told.slice(at).filter((told) => told === 'ready' || told.startsWith('vacated'));
    switch (next) {
      case 'ready':
        return 'replaced';
      case 'vacated never':
        return 'stopped';
      case 'vacated afterBackoff':
        return 'startFailed';
      case 'vacated atOnce':
        return this.#isEnding ? 'stopped' : 'replaced';
      default:
        return 'waits';
    }
  }
}

function hasPending(pid: number, name: 'SIGTERM'): boolean {
  const [, mask = '0'] = /^ShdPnd:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (BigInt(`0x${mask}`) & (1n << BigInt(constants.signals[name] - 1))) !== 0n;
}
