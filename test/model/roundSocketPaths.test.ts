import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRound, type RoundErrorAnswer } from '../../machines';
import { ConnectRound, type RoundResult } from '../../src/client/ConnectRound';
import { KnownBackends } from '../../src/client/KnownBackends';
import { RoundTable } from '../../src/client/RoundTable';
import { ROUND_EVENTS } from '../../src/client/roundSymbols';
import { monotonicNow } from '../../src/net/monotonicNow';
import { encodeFrame } from '../../src/protocol/encodeFrame';
import { FrameReader } from '../../src/protocol/FrameReader';
import type { Frame } from '../../src/protocol/frame';
import { report } from '../support/report';
import { type ChartPath, describeChartPath } from './chartGraph';
import { DEADLINE_EVENT, type RoundHappening, RoundModel } from './RoundModel';
import { type RoundWorld, socketRoundGraph } from './roundGraph';

type Path = ChartPath<RoundWorld>;

const ACTIVE = 'b'.repeat(32);
const ANOTHER = 'c'.repeat(32);
const DEADLINE_MS = 1000;
const REQUEST = 'request';
const REPLY = 'reply';
const ERROR_CODES: Readonly<Record<RoundErrorAnswer, string>> = {
  stale: 'staleBackend',
  retryable: 'stopping',
  unknownService: 'unknownService',
  noMatchingVersion: 'noMatchingVersion',
  refused: 'badFrame',
};

/** Waits turn by turn, since the timers are the round's alone; Jest's own timeout is the bound. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

/** A broker or a backend in the test's hands, for one connection at a time. */
class Peer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #socket: Socket | undefined;
  #reader = new FrameReader();
  frame: Frame | undefined;
  isLeft = false;

  constructor(readonly path: string) {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#socket = socket;
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {});
      for (const end of ['end', 'close']) {
        socket.on(end, () => {
          if (socket === this.#socket) this.isLeft = true;
        });
      }
      socket.on('data', (chunk: Buffer) => {
        if (this.frame !== undefined) return;
        this.#reader.push(chunk);
        this.frame = this.#reader.next();
      });
    });
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.path, resolve));
  }

  say(bytes: Buffer | string): void {
    if (this.#socket === undefined) throw new Error(`nobody has come to ${this.path}`);
    this.#socket.write(bytes);
  }

  /** Ends the connection. */
  drop(): void {
    this.#socket?.destroy();
  }

  /** Forgets the connection there was. */
  reset(): void {
    this.drop();
    this.#socket = undefined;
    this.#reader = new FrameReader();
    this.frame = undefined;
    this.isLeft = false;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

describe('every edge of a round, with real sockets', () => {
  let directory: string;
  let broker: Peer;
  let backends: Readonly<Record<string, Peer>>;
  const taken: string[] = [];

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hc-round-'));
    broker = new Peer(join(directory, 'broker'));
    backends = {
      [ACTIVE]: new Peer(join(directory, 'one')),
      [ANOTHER]: new Peer(join(directory, 'another')),
    };
    for (const peer of [broker, ...Object.values(backends)]) await peer.listen();
    // A path's deadline passes when the test says so, and no other does.
    jest.useFakeTimers({
      doNotFake: [
        'Date',
        'hrtime',
        'nextTick',
        'performance',
        'queueMicrotask',
        'setImmediate',
        'clearImmediate',
      ],
    });
    const { edge } = RoundTable.prototype;
    jest.spyOn(RoundTable.prototype, 'edge').mockImplementation(function (this: RoundTable, node, symbol) {
      taken.push(ROUND_EVENTS[symbol]?.type ?? '');
      return edge.call(this, node, symbol);
    });
  });

  afterAll(async () => {
    jest.restoreAllMocks();
    jest.useRealTimers();
    for (const peer of [broker, ...Object.values(backends)]) await peer.stop();
    rmSync(directory, { recursive: true });
  });

  async function run(path: Path): Promise<void> {
    const happenings = path.map(({ event }) => event as RoundHappening);
    const isBrokerMissing = happenings.some((one) => one.type === 'first.lost' && one.loss === 'nobodyThere');
    const options = {
      socketPath: isBrokerMissing ? join(directory, 'nobody') : broker.path,
      service: 'echo',
      version: '*',
      handoff: true,
      earlyData: Buffer.from(REQUEST),
      furtherData: Buffer.alloc(0),
      allowHalfOpen: false,
      expectsReply: true,
      traceparent: undefined,
    };
    const known = new KnownBackends();
    let target = ACTIVE;
    const endpointOf = (backend: string): Peer => {
      const peer = backends[backend];
      if (peer === undefined) throw new Error(`no backend ${backend}`);
      return peer;
    };
    const [start] = happenings;
    if (start?.type === 'round.started' && start.clientKnows) {
      known.remember(options, {
        backend: target,
        endpoint: endpointOf(target).path,
        deadlineMs: DEADLINE_MS,
      });
    }
    let result: RoundResult | undefined;
    const round = new ConnectRound(options, known, true, (ended) => {
      result = ended;
    });
    const model = new RoundModel();
    const say = (peer: Peer, frame: Frame): void => peer.say(encodeFrame(frame));
    const drive = (event: RoundHappening): void => {
      const second = endpointOf(target);
      switch (event.type) {
        case 'round.started':
          round.start();
          return;
        case 'round.cancelled':
          round.cancel();
          return;
        case 'first.announced':
        case 'first.reconnect': {
          const backend = event.namesAnother ? (target === ACTIVE ? ANOTHER : ACTIVE) : target;
          const { path: endpoint } = endpointOf(backend);
          const stamp = monotonicNow();
          if (event.type === 'first.announced') {
            say(broker, { type: 'handoff', backend, endpoint, stamp, deadlineMs: DEADLINE_MS, knows: true });
          } else {
            say(broker, { type: 'reconnect', backend, endpoint, stamp, reason: 'transferLimit' });
          }
          if (model.outcome === undefined) target = backend;
          return;
        }
        case 'first.ready':
          broker.say(Buffer.concat([encodeFrame({ type: 'ready' }), Buffer.from(REPLY)]));
          return;
        case 'first.error':
          say(broker, {
            type: 'error',
            code: ERROR_CODES[event.answer],
            message: 'as asked for',
            retryable: event.answer === 'retryable' || event.answer === 'stale',
          });
          return;
        case 'first.lost':
          if (!isBrokerMissing) broker.drop();
          return;
        case 'second.ready':
          second.say(Buffer.concat([encodeFrame({ type: 'ready' }), Buffer.from(REPLY)]));
          return;
        case 'second.claimed':
          say(second, { type: 'claimed' });
          return;
        case 'second.error':
          say(second, { type: 'error', code: 'busy', message: 'as asked for', retryable: true });
          return;
        case 'second.lost':
          second.drop();
          return;
        case 'route.garbled':
          (event.on === 'first' ? broker : second).say('this is no frame');
          return;
        case 'route.torn':
          throw new Error('nobody can make a write fail on its way');
        case DEADLINE_EVENT:
          jest.advanceTimersByTime(60_000);
          return;
      }
    };
    taken.length = 0;
    for (const event of happenings) {
      const effects = model.take(event);
      drive(event);
      await until(() => taken.length > 0);
      expect(taken.splice(0)).toEqual([event.type]);
      // Who was sent somewhere has been there before the next thing happens.
      const asks = effects.some(({ type }) => type === 'ask');
      const attaches = effects.some(({ type }) => type === 'attach');
      if (asks && !isBrokerMissing) await until(() => broker.frame !== undefined);
      if (attaches) await until(() => endpointOf(target).frame !== undefined);
      if (asks && !isBrokerMissing) expect(broker.frame).toMatchObject({ type: 'hello', service: 'echo' });
      if (attaches) expect(endpointOf(target).frame).toMatchObject({ type: 'attach', backend: target });
      if (effects.some((one) => one.type === 'close' && one.route === 'first')) {
        await until(() => broker.isLeft);
      }
      if (effects.some((one) => one.type === 'close' && one.route === 'second')) {
        await until(() => endpointOf(target).isLeft);
      }
    }
    const { outcome } = model;
    expect(result?.type).toBe(outcome?.type === 'cancelled' ? undefined : outcome?.type);
    if (result?.type === 'connected') {
      expect(result.connection.route).toBe(outcome?.type === 'connected' ? outcome.route : '');
      const { socket } = result.connection;
      let reply = '';
      socket.on('data', (chunk: Buffer) => {
        reply += chunk;
      });
      await until(() => reply.length >= REPLY.length);
      expect(reply).toBe(REPLY);
      socket.destroy();
    }
    round.cancel();
    expect(jest.getTimerCount()).toBe(0);
    // Nothing of the round is left: whoever was connected to sees the end.
    const visited = [broker, ...Object.values(backends)].filter(({ frame }) => frame !== undefined);
    for (const peer of visited) {
      await until(() => peer.isLeft);
      peer.reset();
    }
  }

  it('ends as in the model, and connects the application to the backend', async () => {
    const paths = socketRoundGraph.edgePaths();
    const results = new Map<string, number>();
    for (const path of paths) {
      try {
        await run(path);
      } catch (cause) {
        throw new Error(`Along ${describeChartPath(path)}: ${cause}`, { cause });
      }
      const last = path.at(-1)?.state.chart.value;
      const end = typeof last === 'string' ? last : 'under way';
      results.set(end, (results.get(end) ?? 0) + 1);
    }
    const ends = [...results].map(([end, count]) => `${count} ${end}`).join(', ');
    report(`round paths, real sockets: ${paths.length} paths (${ends}), 0 wrong`);
    expect(Object.keys(connectRound.states).filter((state) => !results.has(state))).toEqual(['trying']);
  });
});
