import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { InspectionEvent } from 'xstate';
import { handoffTransfer, type TransferOutcome } from '../../machines';
import {
  type Broker,
  createNodeIpcTransport,
  type HandoffTransport,
  type RouteEvent,
  type TransferEvent,
} from '../../src/broker';
import { connect, type HandoffConnection } from '../../src/client';
import { brokersOfEachTest } from '../e2e/support/brokersOfEachTest';
import { eventually } from '../e2e/support/eventually';
import { readBytes } from '../e2e/support/readAll';
import { fixtureService } from '../e2e/support/TestBrokers';
import { report } from '../support/report';
import { ChartCoverage } from './ChartCoverage';
import { type ChartPath, describeChartPath } from './chartGraph';
import { DEADLINE_EVENT, type TransferHappening, TransferModel } from './TransferModel';
import { provokableTransferGraph, type TransferWorld } from './transferGraph';

type Path = ChartPath<TransferWorld>;

/** How a backend closes its channel. */
type Leaving = 'disconnect' | 'death';

// Only paths that wait for it have the short one.
const SHORT_ACK_DEADLINE_MS = 1000;
const LONG_ACK_DEADLINE_MS = 60_000;
/** More than the kernel keeps of a channel that nobody reads. */
const FULL_CHANNEL_BYTES = 8_000_000;
const MAX_STEPS = 6;

const coverage = new ChartCoverage(handoffTransfer);

/** Blocks until a process is stopped. */
function blockUntilStopped(pid: number): void {
  const isStopped = /^\d+ \(.*\) T/s;
  while (!isStopped.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
}

/** How the send of a path's handle is made to end, by what comes behind the announcement. */
type SendMode = 'real' | 'channelIsFull' | 'channelStaysFull' | 'denied' | 'outOfDescriptors' | 'other';

function sendModeOf(path: Path): SendMode {
  const at = path.findIndex(({ event }) => event.type === 'announcement.written');
  const next = path[at + 1]?.event as TransferHappening | undefined;
  if (at < 0 || next === undefined || next.type === 'send.done') return 'real';
  if (next.type === 'send.failed') return next.cause;
  return path.some(({ event }) => event.type === 'send.done') ? 'channelIsFull' : 'channelStaysFull';
}

/**
 * Node's transport. Its first send ends as the path has it: in a channel that is full because the backend is stopped, or with
 * an error. The errors are put into the kernel's mouth: no process brings it to EPERM or EMFILE from outside, and of a send
 * to a backend that has died Node calls back as of one that went well.
 */
class ProvokedTransport implements HandoffTransport {
  readonly #real = createNodeIpcTransport();
  readonly supported = this.#real.supported;
  readonly sent: { readonly child: ChildProcess; readonly token: string }[] = [];

  constructor(readonly mode: SendMode) {}

  readonly send: HandoffTransport['send'] = (child, message, socket, callback) => {
    this.sent.push({ child, token: message.token });
    const { pid = Number.NaN } = child;
    switch (this.sent.length === 1 ? this.mode : 'real') {
      case 'denied':
        callback(Object.assign(new Error('sendmsg EPERM'), { code: 'EPERM' }));
        return;
      case 'outOfDescriptors':
        callback(Object.assign(new Error('sendmsg EMFILE'), { code: 'EMFILE' }));
        return;
      case 'other':
        callback(Object.assign(new Error('sendmsg EPIPE'), { code: 'EPIPE' }));
        return;
      case 'channelIsFull':
      case 'channelStaysFull':
        process.kill(pid, 'SIGSTOP');
        blockUntilStopped(pid);
        child.send({ padding: 'x'.repeat(FULL_CHANNEL_BYTES) }, () => {});
        break;
      case 'real':
        break;
    }
    // When a backend dies with the handle before it, it's a matter of luck which of the two Node tells first.
    const isToldLate = this.sent.length === 1 && this.mode === 'channelStaysFull';
    if (isToldLate) child.once('disconnect', () => callback(null));
    this.#real.send(child, message, socket, isToldLate ? () => {} : callback);
  };
}

/** Drives one transfer of a real broker along a path, with real processes at both ends, and holds it against the model. */
class TransferRun {
  readonly #transport: ProvokedTransport;
  readonly #model = new TransferModel();
  readonly #events = new Map<string, unknown[]>();
  readonly #transfers: TransferEvent[] = [];
  readonly #routes: RouteEvent[] = [];
  readonly #clients: Promise<HandoffConnection>[] = [];
  readonly #abort = new AbortController();
  // A transfer that is to wait for its turn is the second one.
  readonly #isBehindAnother: boolean;

  constructor(
    readonly broker: Broker,
    readonly path: Path,
    readonly leaving: Leaving,
    transport: ProvokedTransport,
  ) {
    this.#transport = transport;
    this.#isBehindAnother =
      path[0]?.event.type !== 'turn.came' || path[1]?.event.type === 'announcement.failed';
    broker.on('transfer', (event) => this.#transfers.push(event));
    broker.on('route', (event) => this.#routes.push(event));
  }

  readonly inspect = (event: InspectionEvent): void => {
    if (event.type !== '@xstate.event') return;
    const [, id] = /^transfer (.*)$/.exec('id' in event.actorRef ? String(event.actorRef.id) : '') ?? [];
    if (id === undefined) return;
    const events = this.#events.get(id) ?? [];
    this.#events.set(id, events);
    if (event.event.type !== 'xstate.init') events.push(event.event);
  };

  get #connectionId(): string {
    return [...this.#events.keys()][this.#isBehindAnother ? 1 : 0] ?? '';
  }

  get #taken(): readonly unknown[] {
    return this.#events.get(this.#connectionId) ?? [];
  }

  get #child(): ChildProcess {
    const [first] = this.#transport.sent;
    if (first === undefined) throw new Error('No handle was sent');
    return first.child;
  }

  /** A client whose bytes have to come back, whatever becomes of its handoff. */
  #connect(signal?: AbortSignal): void {
    const bytes = randomBytes(100);
    this.#clients.push(
      connect({
        socketPath: this.broker.socketPath,
        service: 'echo',
        earlyData: bytes,
        connectTimeoutMs: 60_000,
        signal,
      }).then(async (connection) => {
        expect(await readBytes(connection.socket, bytes.length)).toEqual(bytes);
        connection.socket.destroy();
        return connection;
      }),
    );
  }

  async #begin(): Promise<void> {
    if (this.#isBehindAnother) {
      this.#connect();
      await eventually(() => this.#transport.sent.length === 1);
    }
    this.#connect(this.#abort.signal);
    await eventually(() => this.#connectionId !== '');
    // It has to stay as it is while the deadline passes, of the one in front as well.
    if (this.#isBehindAnother && this.path[0]?.event.type === DEADLINE_EVENT) this.#child.kill('SIGSTOP');
  }

  /** Makes happen what doesn't come by itself. */
  async #provoke(event: TransferHappening, next: TransferHappening | undefined): Promise<void> {
    switch (event.type) {
      case 'turn.came':
        if (next?.type !== 'announcement.failed') return;
        this.#abort.abort();
        await expect(this.#clients[1]).rejects.toMatchObject({ code: 'aborted' });
        this.#child.send({ goOn: true });
        return;
      case 'send.done':
        if (this.#transport.mode === 'channelIsFull') this.#child.kill('SIGCONT');
        return;
      case 'answer.acknowledged':
        this.#say('ack', randomBytes(16).toString('hex'));
        await eventually(() => this.broker.stats().unknownAcks === 1);
        this.#child.send({ goOn: true });
        return;
      case 'answer.refused':
        this.#child.send({ drop: true });
        this.#say('refuse', randomBytes(16).toString('hex'), { code: event.code });
        await eventually(() => this.broker.stats().unknownAcks === 1);
        this.#say('refuse', this.#token, { code: event.code });
        return;
      case 'answer.malformed':
        this.#say('ack', 'not a token');
        return;
      case 'channel.closed':
        if (this.leaving === 'death') this.#child.kill('SIGKILL');
        else this.#child.send({ drop: true, leave: true });
        return;
      default:
        return;
    }
  }

  get #token(): string {
    return this.#transport.sent[0]?.token ?? '';
  }

  #say(type: string, token: string, rest: Record<string, unknown> = {}): void {
    this.#child.send({ say: [{ handoffController: 1, type, token, ...rest }] });
  }

  async run(): Promise<void> {
    await this.#begin();
    const states: string[] = [this.#model.state];
    let outcome: TransferOutcome | undefined;
    for (const [i, { event }] of this.path.entries()) {
      await this.#provoke(
        event as TransferHappening,
        this.path[i + 1]?.event as TransferHappening | undefined,
      );
      await eventually(() => this.#taken.length > i);
      expect(this.#taken[i]).toEqual(event);
      for (const told of this.#model.take(event as TransferHappening)) {
        if (told.type === 'ended') ({ outcome } = told);
      }
      if (states.at(-1) !== this.#model.state) states.push(this.#model.state);
    }
    expect(this.#model).toMatchObject({ isOver: true, isReleased: true });
    const own = this.#transfers.filter(({ connectionId }) => connectionId === this.#connectionId);
    expect(own.map(({ state }) => state)).toEqual(states);
    expect(own.at(-1)?.failure).toEqual(outcome?.type === 'failed' ? outcome.failure : undefined);
    await this.#checkDuplicates();
    await this.#checkWay(outcome);
    // Nothing more has come to a transfer that was over.
    expect(this.#taken).toEqual(this.path.map(({ event }) => event));
  }

  /** An answer that is given twice counts once. */
  async #checkDuplicates(): Promise<void> {
    const last = this.path.at(-1)?.event as TransferHappening | undefined;
    if (last?.type !== 'answer.acknowledged' && last?.type !== 'answer.refused') return;
    const before = this.broker.backends();
    this.#say('ack', this.#token);
    await eventually(() => this.broker.stats().replayedAcks === 1);
    expect(this.broker.backends()[0]?.window).toEqual(
      before[0]?.window && { ...before[0].window, remainingMs: expect.any(Number) },
    );
  }

  /** Whoever it was, and whatever became of the handoff: the client is served, or has left by itself. */
  async #checkWay(outcome: TransferOutcome | undefined): Promise<void> {
    const route = this.#routes.find(({ connectionId }) => connectionId === this.#connectionId);
    switch (outcome?.type) {
      case 'acknowledged':
        expect(route).toMatchObject({ route: 'handedOff' });
        break;
      case 'failed':
        expect(route).toMatchObject({ route: 'reconnected', reason: outcome.failure });
        break;
      default:
        if (outcome?.mayWrite !== true) expect(route).toBeUndefined();
        else {
          const reason = outcome.cause === 'outOfDescriptors' ? 'fdPressureDisabled' : 'transferLimit';
          expect(route).toMatchObject({ route: 'reconnected', reason });
        }
    }
    const [{ child } = { child: undefined }] = this.#transport.sent;
    child?.kill('SIGCONT');
    if (child?.connected) child.send({ goOn: true }, () => {});
    const served = this.#abort.signal.aborted ? this.#clients.slice(0, 1) : this.#clients;
    const connection = (await Promise.all(served)).at(-1);
    if (outcome?.type !== 'acknowledged' && outcome?.mayWrite) {
      expect(connection).toMatchObject({
        route: 'reconnected',
        reason: route?.route === 'reconnected' && route.reason,
      });
    }
  }
}

describe('generated paths of a transfer, by a real broker with real processes, against the reference model', () => {
  const paths = provokableTransferGraph.walks(MAX_STEPS);
  const runs = paths.flatMap((path) => {
    const canDisconnect = path.at(-1)?.event.type === 'channel.closed' && sendModeOf(path) === 'real';
    return [
      { name: describeChartPath(path), path, leaving: 'death' as const },
      ...(canDisconnect
        ? [{ name: `${describeChartPath(path)}, alive`, path, leaving: 'disconnect' as const }]
        : []),
    ];
  });
  const brokers = brokersOfEachTest();
  let steps = 0;

  it.each(runs)('$name', async ({ path, leaving }) => {
    const transport = new ProvokedTransport(sendModeOf(path));
    let run: TransferRun | undefined;
    const broker = await brokers.start({
      services: [fixtureService('puppet', { marker: brokers.path('marker') })],
      transport,
      ackDeadlineMs: path.some(({ event }) => event.type === DEADLINE_EVENT)
        ? SHORT_ACK_DEADLINE_MS
        : LONG_ACK_DEADLINE_MS,
      stopTimeoutMs: 1000,
      inspect: (event) => {
        coverage.inspect(event);
        run?.inspect(event);
      },
    });
    run = new TransferRun(broker, path, leaving, transport);
    await run.run();
    steps += path.length;
  });

  it('cover the chart, but for what cannot be provoked', () => {
    report(`transfer paths, real processes: ${runs.length} runs, ${steps} steps, 0 wrong`);
    report(`chart coverage, handoffTransfer by real processes: ${coverage}`);
    expect(coverage.states.missing).toEqual([]);
    expect(coverage.transitions.missing).toEqual(['announced on announcement.written → abandoned']);
  });
});
