import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { InspectionEvent } from 'xstate';
import { handoffTransfer, type TransferOutcome } from '../../machines';
import {
  type Broker,
  createNodeIpcTransport,
  createScmRightsTransport,
  type HandoffChannel,
  type HandoffTransport,
  type RouteEvent,
  type TransferEvent,
} from '../../src/broker';
import type { HandoffConnection } from '../../src/client';
import { monotonicNow } from '../../src/net/monotonicNow';
import { brokersOfEachTest } from '../e2e/support/brokersOfEachTest';
import { changeChannel } from '../e2e/support/changeChannel';
import { dial, echo } from '../e2e/support/echo';
import { holdProcess } from '../e2e/support/holdProcess';
import { readBytes } from '../e2e/support/readAll';
import { fixtureService } from '../e2e/support/TestBrokers';
import { childOf, tell } from '../e2e/support/tell';
import { eventually } from '../support/eventually';
import { report } from '../support/report';
import { requirePid } from '../support/requirePid';
import { ChartCoverage } from './ChartCoverage';
import { type ChartGraph, type ChartPath, describeChartPath } from './chartGraph';
import { DEADLINE_EVENT, type TransferHappening, TransferModel } from './TransferModel';
import { nodeIpcTransferGraph, scmRightsTransferGraph, type TransferWorld } from './transferGraph';

// A clock that the test stops: how busy the machine is must not decide whether a client that knows needs an announcement.
jest.mock('../../src/net/monotonicNow', () => {
  const actual = jest.requireActual('../../src/net/monotonicNow');
  return { monotonicNow: jest.fn(actual.monotonicNow) };
});

type Path = ChartPath<TransferWorld>;

/** How a backend closes its channel. */
type Leaving = 'disconnect' | 'death';

// Only paths that wait for it have the short one.
const SHORT_ACK_DEADLINE_MS = 2500;
const LONG_ACK_DEADLINE_MS = 60_000;
/** More than the kernel keeps of a channel that nobody reads. */
const FULL_CHANNEL_BYTES = 8_000_000;
const MAX_STEPS = 6;
/** More than the handles that wait in front of a transfer, all of which may fail. */
const MAX_FAILURES = 100;

/** How the send of a path's handle is made to end, by what comes behind the announcement. */
type SendMode = 'real' | 'channelIsFull' | 'channelStaysFull' | 'denied' | 'outOfDescriptors' | 'other';

/** Whether the client knows its backend, so that the turn is all it takes. */
function isUnannounced(path: Path): boolean {
  const [first] = path.map(({ event }) => event as TransferHappening);
  return first?.type === 'turn.came' && first.clientKnows;
}

function sendModeOf(path: Path): SendMode {
  const at = isUnannounced(path) ? 0 : path.findIndex(({ event }) => event.type === 'announcement.written');
  const next = path[at + 1]?.event as TransferHappening | undefined;
  if (at < 0 || next === undefined || next.type === 'send.done') return 'real';
  if (next.type === 'send.failed') return next.cause;
  return path.some(({ event }) => event.type === 'send.done') ? 'channelIsFull' : 'channelStaysFull';
}

/**
 * A transport of which the first send ends as the path has it: in a channel that is full because the backend is stopped, or
 * with an error. The errors are put into the kernel's mouth: no process brings it to EPERM or EMFILE from outside, and of a
 * send to a backend that has died Node calls back as of one that went well.
 */
class ProvokedTransport implements HandoffTransport {
  readonly supported: boolean;
  readonly nodeIpc: boolean;
  readonly open: HandoffTransport['open'];
  readonly #opened: HandoffChannel[] = [];
  readonly sent: { readonly child: ChildProcess; readonly token: string }[] = [];
  mode: SendMode = 'real';

  constructor(real: HandoffTransport) {
    const transport = changeChannel(real, (channel, target) => {
      this.#opened.push(channel);
      return { send: (...args) => this.#send(childOf(target), channel, ...args) };
    });
    this.supported = transport.supported;
    this.nodeIpc = transport.nodeIpc ?? false;
    this.open = transport.open;
  }

  /** How many handles may be on their way to the first process. */
  get room(): number {
    return this.#opened[0]?.capacity ?? 1;
  }

  #send(
    child: ChildProcess,
    channel: HandoffChannel,
    ...[message, socket, callback]: Parameters<HandoffChannel['send']>
  ): void {
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
        holdProcess(pid);
        child.send({ padding: 'x'.repeat(FULL_CHANNEL_BYTES) }, () => {});
        break;
      case 'real':
        break;
    }
    // When a backend dies with the handle before it, it's a matter of luck which of the two Node tells first.
    const isToldLate = this.sent.length === 1 && this.mode === 'channelStaysFull';
    if (isToldLate) child.once('disconnect', () => callback(null));
    channel.send(message, socket, isToldLate ? () => {} : callback);
  }
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
  // Handles that take up the channel, so that the transfer has to wait for its turn.
  readonly #inFront: number;

  constructor(
    readonly broker: Broker,
    readonly path: Path,
    readonly leaving: Leaving,
    transport: ProvokedTransport,
  ) {
    this.#transport = transport;
    const hasToWait = path[0]?.event.type !== 'turn.came' || path[1]?.event.type === 'announcement.failed';
    this.#inFront = hasToWait ? transport.room : 0;
    broker.on('transfer', (event) => this.#transfers.push(event));
    broker.on('route', (event) => this.#routes.push(event));
  }

  readonly inspect = (event: InspectionEvent): void => {
    if (event.type !== '@xstate.event') return;
    const [, id] = /^transfer (.*)$/.exec('id' in event.actorRef ? String(event.actorRef.id) : '') ?? [];
    if (id === undefined) return;
    if (event.event.type === 'xstate.init') this.#events.set(id, []);
    else this.#events.get(id)?.push(event.event);
  };

  get #connectionId(): string {
    return [...this.#events.keys()][this.#inFront] ?? '';
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
      dial(this.broker, { earlyData: bytes, signal }).then(async (connection) => {
        expect(await readBytes(connection.socket, bytes.length)).toEqual(bytes);
        connection.socket.destroy();
        return connection;
      }),
    );
  }

  /** Has the client handed to the very process that the path is about, which is no part of the path. */
  async #learn(): Promise<void> {
    this.#connect();
    await eventually('the first handle to be sent', () => this.#transport.sent.length === 1);
    await tell(this.#child, { take: true });
    expect(await this.#clients[0]).toMatchObject({ route: 'handedOff' });
    await eventually('its acknowledgement', () => this.broker.stats().handedOff === 1);
    // What is still to come of that transfer is told of one that isn't known here.
    for (const list of [this.#clients, this.#transfers, this.#routes, this.#transport.sent]) list.length = 0;
    this.#events.clear();
  }

  async #begin(): Promise<void> {
    if (isUnannounced(this.path)) await this.#learn();
    this.#transport.mode = sendModeOf(this.path);
    for (let i = 0; i < this.#inFront; i += 1) this.#connect();
    if (this.path[0]?.event.type === DEADLINE_EVENT) {
      // From the first handle on: on a busy machine the deadlines of those in front may pass before the last is sent.
      await eventually('the first handle in front', () => this.#transport.sent.length > 0);
      holdProcess(requirePid(this.#child.pid));
    }
    await eventually('the handles in front', () => this.#transport.sent.length === this.#inFront);
    this.#connect(this.#abort.signal);
    await eventually('the transfer', () => this.#connectionId !== '');
  }

  /** Makes happen what doesn't come by itself. */
  async #provoke(event: TransferHappening, next: TransferHappening | undefined): Promise<void> {
    switch (event.type) {
      case 'turn.came':
        if (next?.type !== 'announcement.failed') return;
        this.#abort.abort();
        await expect(this.#clients.at(-1)).rejects.toMatchObject({ code: 'aborted' });
        await tell(this.#child, { goOn: true });
        return;
      case 'send.done':
        if (this.#transport.mode === 'channelIsFull') this.#child.kill('SIGCONT');
        return;
      case 'answer.acknowledged':
        await this.#say('ack', randomBytes(16).toString('hex'));
        await eventually('the unknown answer', () => this.broker.stats().unknownAcks === 1);
        await tell(this.#child, { goOn: true });
        return;
      case 'answer.refused':
        await tell(this.#child, { drop: true });
        await this.#say('refuse', randomBytes(16).toString('hex'), { code: event.code });
        await eventually('the unknown answer', () => this.broker.stats().unknownAcks === 1);
        await this.#say('refuse', this.#token, { code: event.code });
        return;
      case 'answer.malformed':
        await this.#say('ack', 'not a token');
        return;
      case 'channel.closed':
        if (this.leaving === 'death') this.#child.kill('SIGKILL');
        else await tell(this.#child, { drop: true, leave: true });
        return;
      default:
        return;
    }
  }

  get #token(): string {
    return this.#transport.sent[0]?.token ?? '';
  }

  #say(type: string, token: string, rest: Record<string, unknown> = {}): Promise<void> {
    return tell(this.#child, { say: [{ handoffController: 1, type, token, ...rest }] });
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
      await eventually(`the event ${event.type}`, () => this.#taken.length > i);
      expect(this.#taken[i]).toEqual(event);
      for (const told of this.#model.take(event as TransferHappening)) {
        if (told.type === 'ended') ({ outcome } = told);
      }
      if (states.at(-1) !== this.#model.state) states.push(this.#model.state);
    }
    expect(this.#model.isOver).toBe(true);
    expect(this.#model.copy).not.toBe('kept');
    const own = this.#transfers.filter(({ connectionId }) => connectionId === this.#connectionId);
    expect(own.map(({ state }) => state)).toEqual(states);
    expect(own.at(-1)?.failure).toEqual(outcome?.type === 'failed' ? outcome.failure : undefined);
    await this.#checkDuplicates();
    await this.#checkWay(outcome);
    // Nothing more has come to a transfer that was over: what was on its way is in front of another one.
    await echo(this.broker);
    expect(this.#taken).toEqual(this.path.map(({ event }) => event));
  }

  /** An answer that is given twice counts once. */
  async #checkDuplicates(): Promise<void> {
    const last = this.path.at(-1)?.event as TransferHappening | undefined;
    if (last?.type !== 'answer.acknowledged' && last?.type !== 'answer.refused') return;
    const before = this.broker.backends();
    await this.#say('ack', this.#token);
    await eventually('the replayed answer', () => this.broker.stats().replayedAcks === 1);
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
        else expect(route).toMatchObject({ route: 'reconnected', reason: outcome.reason });
    }
    const [{ child } = { child: undefined }] = this.#transport.sent;
    child?.kill('SIGCONT');
    if (child !== undefined) await tell(child, { goOn: true });
    const served = this.#abort.signal.aborted ? this.#clients.slice(0, -1) : this.#clients;
    const connection = (await Promise.all(served)).at(-1);
    if (outcome?.type !== 'acknowledged' && outcome?.mayWrite) {
      expect(connection).toMatchObject({
        route: 'reconnected',
        reason: route?.route === 'reconnected' && route.reason,
      });
    }
  }
}

/** A way for handles, the paths that are possible on it, and what of the chart no process can provoke there. */
interface Way {
  readonly name: string;
  readonly create: () => HandoffTransport;
  readonly hasOwnChannel: boolean;
  readonly graph: ChartGraph<TransferWorld>;
  readonly unreachedStates: readonly string[];
  readonly unprovoked: readonly string[];
}

// The reasons are with the graphs.
const ANSWERED_TOO_EARLY = 'inChannel on attempt.ended → left';
const FAILED_TOO_LATE = 'unwanted on send.failed → closed';
const READ_TOO_FAR = ['issued on turn.came → abandoned', 'announced on announcement.written → abandoned'];
const WAYS: readonly Way[] = [
  {
    name: 'the channel of Node',
    create: createNodeIpcTransport,
    hasOwnChannel: false,
    graph: nodeIpcTransferGraph,
    unreachedStates: [],
    unprovoked: [...READ_TOO_FAR, ANSWERED_TOO_EARLY, FAILED_TOO_LATE],
  },
  {
    name: 'the channel for handles',
    create: createScmRightsTransport,
    hasOwnChannel: true,
    graph: scmRightsTransferGraph,
    // Nothing is in the channel for longer than the call that puts it there.
    unreachedStates: ['handoffTransfer.copy.unwanted'],
    unprovoked: [
      ...READ_TOO_FAR,
      'inChannel on channel.closed → kept',
      ANSWERED_TOO_EARLY,
      'inChannel on attempt.ended → unwanted',
      'unwanted on send.done → closed',
      FAILED_TOO_LATE,
      'unwanted on channel.closed → closed',
    ],
  },
];

describe.each(WAYS)(
  'generated paths of a transfer, by a real broker with real processes over $name',
  (way) => {
    let coverage: ChartCoverage;
    const runs = way.graph.walks(MAX_STEPS).flatMap((path) => {
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

    beforeAll(() => {
      // Not before: it watches the guards of the one chart that both ways go through.
      coverage = new ChartCoverage(handoffTransfer);
    });

    beforeEach(() => {
      const { monotonicNow: now } = jest.requireActual('../../src/net/monotonicNow');
      jest.mocked(monotonicNow).mockReturnValue(now());
    });

    it.each(runs)('$name', async ({ path, leaving }) => {
      const transport = new ProvokedTransport(way.create());
      let run: TransferRun | undefined;
      const broker = await brokers.start({
        services: [fixtureService('puppet', { marker: brokers.path('marker') })],
        transport,
        policy: { maxFailedAttemptsPerWindow: MAX_FAILURES, failedAttemptWindowMs: LONG_ACK_DEADLINE_MS },
        ackDeadlineMs: path.some(({ event }) => event.type === DEADLINE_EVENT)
          ? SHORT_ACK_DEADLINE_MS
          : LONG_ACK_DEADLINE_MS,
        stopTimeoutMs: 1000,
        inspect: (event) => {
          coverage.inspect(event);
          run?.inspect(event);
        },
      });
      if (way.hasOwnChannel) await eventually('the channel to be open', () => transport.room > 1);
      run = new TransferRun(broker, path, leaving, transport);
      await run.run();
      steps += path.length;
    });

    it('cover the chart, except for what cannot be provoked', () => {
      const knowing = runs.filter(({ path }) => isUnannounced(path)).length;
      report(
        `transfer paths, real processes, ${way.name}: ${runs.length} runs, ${knowing} of them unannounced, ${steps} steps, 0 wrong`,
      );
      report(`chart coverage, handoffTransfer by real processes, ${way.name}: ${coverage}`);
      expect(coverage.states.missing).toEqual(way.unreachedStates);
      expect(coverage.transitions.missing).toEqual(way.unprovoked);
    });
  },
);
