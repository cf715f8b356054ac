import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backendHandoff, HANDOFF_FAILURES } from '../../machines';
import type { BackendKey, HandoffAttemptInputs } from '../../src';
import {
  type Broker,
  type BrokerOptions,
  createScmRightsTransport,
  type HandoffTransport,
  type RouteEvent,
  type TransferEvent,
} from '../../src/broker';
import { connect, type HandoffConnection } from '../../src/client';
import { brokersOfEachTest } from '../e2e/support/brokersOfEachTest';
import { changeChannel } from '../e2e/support/changeChannel';
import { readBytes } from '../e2e/support/readAll';
import { fixtureService, type TestBrokers } from '../e2e/support/TestBrokers';
import { compiled } from '../support/compiled';
import { eventually } from '../support/eventually';
import { ManualClock } from '../support/ManualClock';
import { report } from '../support/report';
import { ChartCoverage } from './ChartCoverage';
import {
  describePath,
  EXPLORED_MAXIMUM,
  EXPLORED_WINDOW_MS,
  edgePaths,
  type GraphPath,
  type GraphState,
  type OutsideEvent,
  shortestPaths,
  visitedBy,
  WINDOW_TIMER_EVENT,
} from './handoffGraph';
import { ReferenceModel } from './ReferenceModel';

const KEY: BackendKey = { instance: 'shared', serviceName: 'svc', serviceVersion: '1.0.0' };
const NAME = 'svc';
const POLICY = { maxFailedAttemptsPerWindow: EXPLORED_MAXIMUM, failedAttemptWindowMs: EXPLORED_WINDOW_MS };
/** Real time: the broker's wait for a backend that never acknowledges. */
const SHORT_ACK_DEADLINE_MS = 1500;
const LONG_ACK_DEADLINE_MS = 60_000;

const coverage = new ChartCoverage(backendHandoff);

/** What can be done to a real broker in a state: some events of the chart need a state of the world. */
function canHappen({ inFlight }: GraphState, event: OutsideEvent): boolean {
  switch (event.type) {
    case 'attempt.failed':
      // A deadline is only waited for by one attempt at a time.
      return inFlight > 0 && (event.failure !== 'backendAckTimeout' || inFlight === 1);
    case 'attempt.succeeded':
    case 'attempt.abandoned':
      // A broker ends what it began.
      return inFlight > 0;
    case 'backend.adopted':
    case 'backend.spawned':
    case 'backend.rejoined':
      // A restart of the broker or of the backend ends what is in flight.
      return inFlight === 0;
    default:
      return true;
  }
}

/**
 * Saying of an adopted process that it isn't adopted doesn't give the broker a channel to it, and saying of another one that
 * it is makes none that could be rejoined.
 */
function isHonest(path: GraphPath): boolean {
  let isAdopted = false;
  return path.every(({ event }) => {
    if (event.type === 'backend.rejoined' && !isAdopted) return false;
    if (['backend.adopted', 'backend.spawned', 'backend.rejoined'].includes(event.type)) {
      isAdopted = event.type === 'backend.adopted';
    }
    return !(isAdopted && event.type === 'request' && event.backendAdoptedExisting === false);
  });
}

/** Whether every attempt of a path that ends fails for lack of permission, so that a denied transport suits it. */
function suitsDenial(path: GraphPath): boolean {
  const ends = path.filter(({ event }) => event.type.startsWith('attempt.'));
  return (
    ends.length > 0 && ends.every(({ event }) => 'failure' in event && event.failure === 'permissionDenied')
  );
}

/** To a state that several events lead to, a process that can be rejoined comes by adoption alone. */
function rejoining(): GraphPath {
  const [adopted] = edgePaths(canHappen).filter(
    ([{ event } = {}, ...more]) => event?.type === 'backend.adopted' && more.length === 0,
  );
  const [rejoined] = edgePaths(canHappen).filter(
    (path) => path.length === 2 && path[1]?.event.type === 'backend.rejoined',
  );
  return [...(adopted ?? []), ...(rejoined ?? []).slice(1)];
}

/** Few paths that go together through every state and transition of the chart, and every failure; chosen greedily. */
function coveringPaths(): GraphPath[] {
  const candidates = [...edgePaths(canHappen), rejoining()]
    .filter(isHonest)
    .map((path) => ({ path, visits: visitedBy(path) }));
  const missing = new Set(candidates.flatMap(({ visits }) => [...visits]));
  const chosen: GraphPath[] = [];
  const gain = (visits: Set<object>): number => [...visits].filter((one) => missing.has(one)).length;
  while (missing.size > 0) {
    const best = candidates.reduce((a, b) => (gain(b.visits) > gain(a.visits) ? b : a));
    for (const one of best.visits) missing.delete(one);
    chosen.push(best.path);
  }
  // The chart treats all failures alike; the world does not.
  const failures = HANDOFF_FAILURES.map((failure) =>
    candidates.find(({ path }) => {
      const last = path.at(-1)?.event;
      return last?.type === 'attempt.failed' && last.failure === failure;
    }),
  );
  return [...chosen, ...failures.flatMap((found) => (found ? [found.path] : []))];
}

interface Attempt {
  readonly id: string;
  readonly abort: AbortController;
}

/** What ends each attempt of a path, in the order of their beginnings; nothing does those at the end of the list. */
function endsOf(path: GraphPath): readonly OutsideEvent[] {
  return path.map(({ event }) => event).filter(({ type }) => type.startsWith('attempt.'));
}

/**
 * A transport whose sends can be denied, as the kernel would: the handle never leaves this process. A process that the broker
 * didn't start has no time for a channel until the test says so.
 */
class DeniableTransport implements HandoffTransport {
  readonly #real = createScmRightsTransport();
  readonly supported = this.#real.supported;
  readonly nodeIpc = this.#real.nodeIpc ?? false;
  mayRejoin = false;
  readonly #denied = new Map<string, (error: Error | null) => void>();
  denials = 0;

  constructor(readonly isDenying: boolean) {}

  readonly #deniable = changeChannel(this.#real, (channel) => ({
    capacity: 1,
    send: (message, socket, callback) => {
      if (this.isDenying) this.#denied.set(message.id, callback);
      else channel.send(message, socket, callback);
    },
  }));

  readonly open: HandoffTransport['open'] = (target, listener) => {
    if (target.child !== undefined || this.mayRejoin) return this.#deniable.open(target, listener);
    throw Object.assign(new Error('not yet'), { code: 'EBUSY' });
  };

  async deny(id: string): Promise<void> {
    await eventually('the handle to be sent', () => this.#denied.has(id));
    this.denials++;
    const error = Object.assign(new Error('sendmsg EPERM'), { code: 'EPERM', syscall: 'sendmsg' });
    this.#denied.get(id)?.(error);
  }
}

/** Drives a real broker along a path, with real processes at both ends, and holds it against the reference model. */
class BrokerRun {
  readonly clock = new ManualClock();
  readonly model = new ReferenceModel(EXPLORED_MAXIMUM, EXPLORED_WINDOW_MS);
  readonly transport: DeniableTransport;
  readonly #attempts: Attempt[] = [];
  readonly #connections: Promise<void>[] = [];
  // How transfers have ended, by the id of their connection.
  readonly #ends = new Map<string, TransferEvent>();
  #options: BrokerOptions | undefined;
  #begun = 0;
  #inputs: HandoffAttemptInputs | undefined;
  #broker: Broker | undefined;

  constructor(
    readonly brokers: TestBrokers,
    readonly path: GraphPath,
    isDenying: boolean,
  ) {
    this.transport = new DeniableTransport(isDenying);
  }

  get broker(): Broker {
    if (this.#broker === undefined) throw new Error('The broker is not started');
    return this.#broker;
  }

  async #start(options: Partial<BrokerOptions> = {}): Promise<void> {
    this.#options = {
      socketPath: this.brokers.path('broker.sock'),
      services: [
        fixtureService('', {
          name: NAME,
          module: compiled('test/fixtures/backends/heldBackend.ts'),
          env: { HOLD_DIRECTORY: this.brokers.directory },
        }),
      ],
      policy: POLICY,
      clock: this.clock,
      inspect: coverage.inspect,
      transport: this.transport,
      startTimeoutMs: LONG_ACK_DEADLINE_MS,
      helloTimeoutMs: LONG_ACK_DEADLINE_MS,
      ackDeadlineMs: LONG_ACK_DEADLINE_MS,
      fdPressure: () => this.#inputs?.fdPressureDisabled ?? false,
      adjustInputs: ({ backendAdoptedExisting: _, ...inputs }) => {
        const adopted = this.#inputs?.backendAdoptedExisting;
        return adopted === undefined ? inputs : { ...inputs, backendAdoptedExisting: adopted };
      },
      ...options,
    };
    this.#broker = await this.brokers.start(this.#options);
    this.#broker.on('transfer', (event) => {
      if (['acknowledged', 'failed', 'abandoned'].includes(event.state))
        this.#ends.set(event.connectionId, event);
    });
    // What checks 1 to 3 answer for an unknown backend leaves no trace for the coverage to see.
    this.broker.controller.actorOf(KEY);
  }

  #moveTimeFor(event: OutsideEvent): void {
    if (!('windowElapsed' in event)) return;
    const left = this.model.leftOf(NAME, this.clock.time);
    if (left === undefined) return;
    if (event.windowElapsed && left > 0) this.clock.jump(left);
    if (!event.windowElapsed && left <= 0) this.clock.jump(left - 1);
  }

  #next<K extends 'route' | 'transfer'>(
    event: K,
    isWanted: (argument: K extends 'route' ? RouteEvent : TransferEvent) => boolean,
  ): Promise<K extends 'route' ? RouteEvent : TransferEvent> {
    return new Promise((resolve) => {
      const listen = (argument: K extends 'route' ? RouteEvent : TransferEvent): void => {
        if (!isWanted(argument)) return;
        this.broker.off(event, listen as never);
        resolve(argument);
      };
      this.broker.on(event, listen as never);
    });
  }

  /** The client's side: whatever happens in handoff, bytes go there and back. */
  async #use(connection: Promise<HandoffConnection>, bytes: Buffer): Promise<void> {
    const { socket } = await connection;
    expect(await readBytes(socket, bytes.length)).toEqual(bytes);
    socket.destroy();
  }

  async #request(inputs: HandoffAttemptInputs): Promise<void> {
    // Only an attempt that ends by its deadline has one that is ever reached.
    const end = endsOf(this.path)[this.#begun];
    const isToExpire = end !== undefined && 'failure' in end && end.failure === 'backendAckTimeout';
    const deadline = isToExpire ? SHORT_ACK_DEADLINE_MS : LONG_ACK_DEADLINE_MS;
    if (this.#options !== undefined) {
      const { transport: _, ...options } = this.#options;
      await this.broker.reload({ ...options, ackDeadlineMs: deadline });
    }
    this.#inputs = inputs;
    this.broker.setServiceHandoff(NAME, undefined, inputs.servicePolicyEnabled);
    const at = this.clock.time;
    const expected = this.model.shouldAttempt(NAME, inputs, at);
    const isDecided = Promise.race([
      this.#next('route', ({ route }) => route === 'reconnected'),
      this.#next('transfer', ({ state }) => state === 'issued'),
    ]);
    const abort = new AbortController();
    const bytes = randomBytes(100);
    const connection = connect({
      socketPath: this.broker.socketPath,
      service: NAME,
      handoff: inputs.clientSupportsHandoff,
      earlyData: bytes,
      connectTimeoutMs: 120_000,
      brokerWaitMs: 60_000,
      signal: abort.signal,
    });
    const isLeft = (): boolean => abort.signal.aborted;
    // A run that fails waits for nobody.
    this.brokers.atEnd(() => abort.abort());
    this.#connections.push(
      this.#use(connection, bytes).catch((error) => {
        if (!isLeft()) throw error;
      }),
    );
    const decided = await isDecided;
    if ('route' in decided) {
      const { reason, retryAfterMs } = decided;
      expect({ type: 'fallbackToReconnect', reason, retryAfterMs }).toEqual({
        type: expected.type,
        ...('reason' in expected && { reason: expected.reason, retryAfterMs: expected.retryAfterMs }),
      });
    } else {
      expect({ type: 'attempt' }).toEqual(expected);
      this.#attempts.push({ id: decided.connectionId, abort });
      this.#begun += 1;
    }
  }

  #release(id: string, verdict: 'accept' | 'permission' | 'integrity'): void {
    writeFileSync(join(this.brokers.directory, id), verdict);
  }

  /** Ends the attempt that is the longest in flight; what is behind it waits for its turn. */
  async #end(event: OutsideEvent & { type: `attempt.${string}` }): Promise<void> {
    const attempt = this.#attempts.shift();
    if (attempt === undefined) throw new Error('Nothing is in flight');
    const { id } = attempt;
    if (event.type === 'attempt.succeeded') {
      this.#release(id, 'accept');
    } else if (event.type === 'attempt.abandoned') {
      attempt.abort.abort();
      this.#release(id, 'accept');
    } else if (event.failure === 'integrityMismatch') {
      this.#release(id, 'integrity');
    } else if (event.failure === 'permissionDenied' && !this.transport.isDenying) {
      this.#release(id, 'permission');
    } else if (event.failure === 'permissionDenied') {
      await this.transport.deny(id);
    }
    const { state, failure } = await eventually('the end of the transfer', () => this.#ends.get(id));
    if (event.type === 'attempt.failed') {
      expect({ state, failure }).toEqual({ state: 'failed', failure: event.failure });
      this.model.recordFailedAttempt(NAME, event.failure, this.clock.time);
    } else if (event.type === 'attempt.succeeded') {
      expect(state).toBe('acknowledged');
      this.model.recordSuccess(NAME);
    } else {
      expect(state).toBe('abandoned');
      this.model.recordAbandonedAttempt(NAME);
    }
    // It was never acknowledged in time; now the backend may find out that it is too late.
    this.#release(id, 'accept');
  }

  async #take(event: OutsideEvent): Promise<void> {
    this.#moveTimeFor(event);
    const { clock, model } = this;
    switch (event.type) {
      case 'request': {
        const { type, windowElapsed, ...inputs } = event;
        await this.#request(inputs);
        break;
      }
      case 'attempt.failed':
      case 'attempt.succeeded':
      case 'attempt.abandoned':
        await this.#end(event);
        break;
      case 'count.queried':
        expect(this.broker.controller.failedAttemptCount(KEY)).toBe(
          model.failedAttemptCount(NAME, clock.time),
        );
        break;
      case 'backend.adopted': {
        const { adopt, snapshot } = await this.broker.stop({ backends: 'leave' });
        await this.#start({ adopt, snapshot });
        model.markAdopted(NAME);
        break;
      }
      case 'backend.spawned':
        await this.broker.respawnBackend(KEY);
        model.markSpawned(NAME);
        break;
      case 'backend.rejoined': {
        const rejoined = new Promise((resolve) => this.broker.once('backendRejoined', resolve));
        this.transport.mayRejoin = true;
        await rejoined;
        this.transport.mayRejoin = false;
        model.markRejoined(NAME);
        break;
      }
      case 'window.restored': {
        await this.broker.stop();
        const window = { failedAttempts: event.failedAttempts, remainingMs: EXPLORED_WINDOW_MS };
        await this.#start({
          snapshot: {
            version: 1,
            wallTimeMs: clock.wallTime,
            backends: [{ backend: KEY, adopted: false, window }],
          },
        });
        model.openWindow(NAME, event.failedAttempts, clock.time);
        break;
      }
      case WINDOW_TIMER_EVENT:
        clock.advance(Math.max(0, model.leftOf(NAME, clock.time) ?? 0));
        break;
    }
    expect(this.broker.controller.stateOf(KEY)).toBe(model.stateOf(NAME, clock.time));
  }

  async run(): Promise<void> {
    await this.#start();
    for (const { event } of this.path) {
      try {
        await this.#take(event);
      } catch (cause) {
        throw new Error(`At ${JSON.stringify(event)} of the path ${describePath(this.path)}: ${cause}`, {
          cause,
        });
      }
    }
    // Every client gets through, whatever became of its handoff.
    for (const { id } of this.#attempts) {
      this.#release(id, 'accept');
      if (this.transport.isDenying) await this.transport.deny(id);
    }
    await Promise.all(this.#connections);
    await this.broker.stop();
  }
}

/** Paths, each with what it's called and whether its transport denies. */
function cases(paths: readonly GraphPath[]) {
  // The failure has two causes: every other path that can takes the transport's.
  let isTransportsTurn = true;
  return paths.map((path) => {
    const isDenying = isTransportsTurn && suitsDenial(path);
    if (suitsDenial(path)) isTransportsTurn = !isTransportsTurn;
    return { name: path.length === 0 ? 'no step' : describePath(path), path, isDenying };
  });
}

describe('generated paths, by a real broker with real processes, against the reference model', () => {
  const brokers = brokersOfEachTest();
  let denials = 0;
  const failuresSeen = new Set<string>();

  describe.each([
    ['covering the chart', coveringPaths()],
    ['shortest to every graph state', shortestPaths(canHappen).filter(isHonest)],
  ])('%s', (name, paths) => {
    let steps = 0;

    it.each(cases(paths))('$name', async ({ path, isDenying }) => {
      const run = new BrokerRun(brokers, path, isDenying);
      await run.run();
      steps += path.length;
      denials += run.transport.denials;
      for (const { event } of path) if (event.type === 'attempt.failed') failuresSeen.add(event.failure);
    });

    afterAll(() => report(`broker paths, ${name}: ${paths.length} paths, ${steps} steps`));
  });

  it('covers the chart: states and transitions', () => {
    expect(denials).toBeGreaterThan(0);
    expect([...failuresSeen].sort()).toEqual([...HANDOFF_FAILURES].sort());
    report(`chart coverage, backendHandoff by broker paths: ${coverage}`);
    expect(coverage.states.missing).toEqual([]);
    expect(coverage.transitions.missing).toEqual([]);
  });
});
