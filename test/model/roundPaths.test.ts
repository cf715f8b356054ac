import { createActor, type EventObject } from 'xstate';
import type { ConnectRoundEmitted, ConnectRoundEvent, RoundErrorAnswer } from '../../machines';
import { connectRound } from '../../machines';
import { ConnectRound, type RoundResult } from '../../src/client/ConnectRound';
import type { FrameListener } from '../../src/client/HandoffSocket';
import { KnownBackends } from '../../src/client/KnownBackends';
import { monotonicNow } from '../../src/net/monotonicNow';
import type { Frame } from '../../src/protocol/frame';
import { WireError } from '../../src/protocol/WireError';
import { report } from '../support/report';
import { ChartCoverage } from './ChartCoverage';
import { type ChartPath, describeChartPath } from './chartGraph';
import { DEADLINE_EVENT, type RoundHappening, RoundModel } from './RoundModel';
import { anyRoundGraph, realRoundGraph } from './roundGraph';

const MAX_STEPS = 6;

/** A socket in the test's hands. */
class FakeSocket {
  static made: FakeSocket[] = [];
  path = '';
  isAbandoned = false;

  constructor(
    _options: unknown,
    readonly listener: FrameListener,
  ) {
    FakeSocket.made.push(this);
  }

  connect({ path }: { readonly path: string }): void {
    this.path = path;
  }

  write(): void {}

  abandon(): void {
    this.isAbandoned = true;
  }
}

jest.mock('../../src/client/HandoffSocket', () => ({
  get HandoffSocket() {
    return FakeSocket;
  },
}));

const coverage = new ChartCoverage(connectRound);

function at<World>(path: ChartPath<World>, event: EventObject, check: () => void): void {
  try {
    check();
  } catch (cause) {
    throw new Error(`At ${JSON.stringify(event)} of the path ${describeChartPath(path)}: ${cause}`, {
      cause,
    });
  }
}

/** The chart itself along a path, against the model. */
function runChart<World>(path: ChartPath<World>): void {
  let armed = 0;
  const setTimeout = (): number => {
    armed += 1;
    return armed;
  };
  const actor = createActor(connectRound, {
    clock: { setTimeout, clearTimeout: () => {} },
    inspect: coverage.inspect,
  });
  const told: ConnectRoundEmitted[] = [];
  actor.on('*', (emitted) => told.push(emitted));
  actor.start();
  const model = new RoundModel();
  for (const { event } of path) {
    at(path, event, () => {
      const expected = model.take(event as RoundHappening);
      if (actor.getSnapshot().status !== 'done') actor.send(event as ConnectRoundEvent);
      expect(told.splice(0)).toEqual(expected);
      const snapshot = actor.getSnapshot();
      expect(snapshot.status === 'done').toBe(model.outcome !== undefined);
      expect(snapshot.matches({ trying: { first: { open: { expecting: 'announced' } } } })).toBe(
        model.first === 'open' && model.wasAnnounced && model.outcome === undefined,
      );
      expect(armed).toBe(model.isTimedAnew ? 1 : 0);
      armed = 0;
    });
  }
  actor.stop();
}

const OWN = 'b'.repeat(32);
const OTHER = 'c'.repeat(32);
const DEADLINE_MS = 1000;
const KNOWN_DEADLINE_MS = 500;
const SLACK_MS = 50;
const RETRY_AFTER_MS = 77;
const ERROR_CODES: Readonly<Record<RoundErrorAnswer, string>> = {
  stale: 'staleBackend',
  retryable: 'stopping',
  unknownService: 'unknownService',
  noMatchingVersion: 'noMatchingVersion',
  refused: 'badFrame',
};

function systemError(syscall: string, code: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { syscall, code });
}

/** A real `ConnectRound` whose sockets and clock are in the test's hands. */
class RoundUnderTest {
  readonly told: ConnectRoundEmitted[] = [];
  readonly model = new RoundModel();
  readonly #known = new KnownBackends();
  readonly #round: ConnectRound;
  #result: RoundResult | undefined;
  #isCancelled = false;
  // Where the round leads to, as the frames have said.
  #backend = OWN;
  #sockets: FakeSocket[] = [];

  constructor(path: readonly RoundHappening[]) {
    FakeSocket.made = this.#sockets;
    const options = {
      socketPath: '/broker',
      service: 'echo',
      version: '*',
      handoff: true,
      // Without any, a write that failed can't have been taken in part.
      earlyData: Buffer.from(path.some(({ type }) => type === 'route.torn') ? 'early' : ''),
      furtherData: Buffer.alloc(0),
      allowHalfOpen: false,
      expectsReply: true,
      traceparent: undefined,
    };
    const knows = path[0]?.type === 'round.started' && path[0].clientKnows;
    if (knows) {
      this.#known.remember(options, { backend: OWN, endpoint: OWN, deadlineMs: KNOWN_DEADLINE_MS });
    }
    jest.spyOn(this.#known, 'forget').mockImplementation((_, backend) => {
      // The one that the client knew, or the one that the broker named instead.
      expect([OWN, OTHER]).toContain(backend);
      this.told.push({ type: 'forget' });
    });
    jest.spyOn(this.#known, 'remember').mockImplementation((_, known) => {
      expect(known).toMatchObject({ backend: this.#backend, endpoint: this.#backend });
      this.told.push({ type: 'remember' });
    });
    this.#round = new ConnectRound(options, this.#known, true, (result) => {
      this.#result = result;
    });
  }

  step(event: RoundHappening): void {
    const expected = this.model.take(event);
    const countBefore = this.#sockets.length;
    const abandonedBefore = this.#sockets.map(({ isAbandoned }) => isAbandoned);
    this.#drive(event);
    this.#sockets.slice(countBefore).forEach(({ path }) => {
      this.told.push({ type: path === '/broker' ? 'ask' : 'attach' });
    });
    const isOver = this.#result !== undefined || this.#isCancelled;
    if (!isOver) {
      abandonedBefore.forEach((was, index) => {
        if (!was && this.#sockets[index]?.isAbandoned) {
          this.told.push({ type: 'close', route: index === 0 ? 'first' : 'second' });
        }
      });
    }
    // What the round does within one step has no order that anybody could see.
    const inOrder = (effects: readonly ConnectRoundEmitted[]): string[] =>
      effects
        .filter(({ type }) => type !== 'follow' && type !== 'ended' && !(isOver && type === 'close'))
        .map((effect) => JSON.stringify(effect))
        .sort();
    expect(inOrder(this.told.splice(0))).toEqual(inOrder(expected));
    expect(isOver).toBe(this.model.outcome !== undefined);
    expect(jest.getTimerCount()).toBe(this.model.isTimed ? 1 : 0);
    const [first, second] = this.#sockets;
    if (second !== undefined) expect(second.path).toBe(this.#backend);
    if (isOver) this.#checkEnd(first, second);
  }

  #checkEnd(first: FakeSocket | undefined, second: FakeSocket | undefined): void {
    const { outcome } = this.model;
    const result = this.#result;
    switch (outcome?.type) {
      case 'connected': {
        expect(result).toMatchObject({ type: 'connected', connection: { route: outcome.route } });
        if (result?.type !== 'connected') break;
        const isHandedOff = outcome.route === 'handedOff';
        expect(result.connection.socket).toBe(isHandedOff ? first : second);
        const told = { reason: 'failedAttemptRateLimited', retryAfterMs: RETRY_AFTER_MS };
        const late = { reason: 'backendAckTimeout', retryAfterMs: undefined };
        const none = { reason: undefined, retryAfterMs: undefined };
        const { reason, retryAfterMs } = result.connection;
        const isTold = !isHandedOff && outcome.reason === 'told';
        expect({ reason, retryAfterMs }).toEqual(isHandedOff ? none : isTold ? told : late);
        break;
      }
      case 'again':
        expect(result).toMatchObject({
          type: 'again',
          isAtOnce: outcome.pause === 'none',
          isBrokerMissing: outcome.isBrokerMissing,
        });
        if (result?.type === 'again') {
          expect(result.retryAfterMs).toBe(outcome.pause === 'asTold' ? RETRY_AFTER_MS : undefined);
        }
        break;
      case 'failed':
        expect(result).toMatchObject({ type: 'failed', error: { code: outcome.code } });
        if (result?.type === 'failed') expect(result.error.message).toMatch(/ \S+ /);
        break;
      case 'cancelled':
        expect(result).toBeUndefined();
        break;
      default:
        throw new Error('the model has not ended');
    }
    const winner = result?.type === 'connected' ? (result.connection.socket as unknown) : undefined;
    for (const socket of this.#sockets) {
      expect(socket.isAbandoned || this.#isLost.has(socket)).toBe(socket !== winner);
    }
  }

  readonly #isLost = new Set<FakeSocket>();

  #lose(socket: FakeSocket | undefined, error?: Error): void {
    if (socket === undefined) throw new Error('there is no such connection');
    this.#isLost.add(socket);
    socket.listener.onLost(error);
  }

  #say(socket: FakeSocket | undefined, frame: Frame): void {
    if (socket === undefined) throw new Error('there is no such connection');
    const takesOver = socket.listener.onFrame(frame);
    expect(takesOver).toBe(this.model.outcome?.type === 'connected');
  }

  #target(namesAnother: boolean): { readonly backend: string; readonly endpoint: string; stamp: number } {
    const backend = namesAnother ? (this.#backend === OWN ? OTHER : OWN) : this.#backend;
    return { backend, endpoint: backend, stamp: monotonicNow() };
  }

  #drive(event: RoundHappening): void {
    const [first, second] = this.#sockets;
    switch (event.type) {
      case 'round.started':
        this.#round.start();
        return;
      case 'round.cancelled':
        this.#isCancelled = true;
        this.#round.cancel();
        return;
      case 'first.announced':
      case 'first.reconnect': {
        const target = this.#target(event.namesAnother);
        const frame: Frame =
          event.type === 'first.announced'
            ? { type: 'handoff', ...target, deadlineMs: DEADLINE_MS, knows: true }
            : {
                type: 'reconnect',
                ...target,
                reason: 'failedAttemptRateLimited',
                retryAfterMs: RETRY_AFTER_MS,
              };
        this.#say(first, frame);
        if (this.model.outcome === undefined) this.#backend = target.backend;
        return;
      }
      case 'first.ready':
        this.#say(first, { type: 'ready' });
        return;
      case 'first.error':
        this.#say(first, {
          type: 'error',
          code: ERROR_CODES[event.answer],
          message: 'as asked for',
          retryable: event.answer === 'retryable' || event.answer === 'stale',
          retryAfterMs: RETRY_AFTER_MS,
        });
        return;
      case 'first.lost':
        this.#lose(
          first,
          {
            nobodyThere: systemError('connect', 'ENOENT'),
            unsent: systemError('connect', 'EAGAIN'),
            ended: undefined,
          }[event.loss],
        );
        return;
      case 'second.ready':
        this.#say(second, { type: 'ready' });
        return;
      case 'second.claimed':
        this.#say(second, { type: 'claimed' });
        return;
      case 'second.error':
        this.#say(second, { type: 'error', code: 'busy', message: 'as asked for', retryable: true });
        return;
      case 'second.lost':
        this.#lose(second);
        return;
      case 'route.torn':
        this.#lose(event.on === 'first' ? first : second, systemError('write', 'EPIPE'));
        return;
      case 'route.garbled':
        this.#lose(event.on === 'first' ? first : second, new WireError('badFrame', 'as asked for'));
        return;
      case DEADLINE_EVENT:
        // Not a millisecond earlier.
        jest.advanceTimersByTime((this.model.wasAnnounced ? DEADLINE_MS : KNOWN_DEADLINE_MS + SLACK_MS) - 1);
        expect(this.#sockets).toHaveLength(1);
        jest.advanceTimersByTime(1);
        return;
    }
  }
}

function runRound<World>(path: ChartPath<World>): void {
  const round = new RoundUnderTest(path.map(({ event }) => event as RoundHappening));
  for (const { event } of path) at(path, event, () => round.step(event as RoundHappening));
  jest.clearAllTimers();
}

describe('every generated path of a round, against the reference model', () => {
  const { platform } = process;
  beforeAll(() => {
    jest.useFakeTimers({ doNotFake: ['hrtime', 'performance', 'nextTick', 'setImmediate'] });
    // Where a first write may arrive in part.
    Object.defineProperty(process, 'platform', { value: 'darwin' });
  });
  afterAll(() => {
    Object.defineProperty(process, 'platform', { value: platform });
    jest.useRealTimers();
  });

  function runAll<World>(
    paths: readonly ChartPath<World>[],
    run: (path: ChartPath<World>) => void,
    name: string,
  ): void {
    let steps = 0;
    for (const path of paths) {
      run(path);
      steps += path.length;
    }
    report(`round paths, ${name}: ${paths.length} paths, ${steps} steps, 0 wrong`);
  }

  it('is followed by the chart: every edge, and any event at any time', () => {
    runAll(anyRoundGraph.edgePaths(), runChart, 'chart, every edge');
  });

  it('is followed by a round: every edge', () => {
    runAll(realRoundGraph.edgePaths(), runRound, 'round, every edge');
  });

  it(`is followed by a round: every sequence of up to ${MAX_STEPS} steps`, () => {
    runAll(realRoundGraph.walks(MAX_STEPS), runRound, `round, up to ${MAX_STEPS} steps`);
  });

  it('covers the chart: states, transitions, and both outcomes of each guard', () => {
    report(`chart coverage, connectRound: ${coverage}`);
    expect(coverage.states.missing).toEqual([]);
    expect(coverage.transitions.missing).toEqual([]);
    expect(coverage.guardOutcomes.missing).toEqual([]);
  });
});
