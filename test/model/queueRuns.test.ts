import { Socket } from 'node:net';
import fc from 'fast-check';
import { TRANSFER_REFUSALS, type TransferOutcome } from '../../machines';
import type { ChannelAnswer, HandoffChannel } from '../../src/broker';
import { Transfer } from '../../src/broker/transfers/Transfer';
import { TransferQueue } from '../../src/broker/transfers/TransferQueue';
import { TransferTokens } from '../../src/broker/transfers/TransferTokens';
import { report } from '../support/report';
import { QueueModel, type QueueOutcome, TokenModel } from './QueueModel';

const MAX_TRANSFERS = 12;
const RUNS = 60;
const MIN_STEPS = 20;
const MAX_STEPS = 50;
/** The number of a transfer that never was. */
const UNKNOWN = 99;
const TICK_MS = 100;

const side = fc.nat(1);
const transfer = fc.oneof(
  { weight: 9, arbitrary: fc.nat(MAX_TRANSFERS - 1) },
  { weight: 1, arbitrary: fc.constant(UNKNOWN) },
);
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ type: fc.constant('add' as const), side, ticks: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('ack' as const), side, transfer }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('refuse' as const),
      side,
      transfer,
      code: fc.constantFrom(...TRANSFER_REFUSALS),
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('synced' as const), side, transfer }) },
  { weight: 3, arbitrary: fc.constant({ type: 'tick' as const }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('malformed' as const), side }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('cut' as const), side }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('settle' as const), side }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('close' as const), side }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Entry {
  readonly transfer: Transfer;
  readonly side: Side;
  readonly expiresAt: number;
  readonly outcomes: QueueOutcome[];
}

function shorten(outcome: TransferOutcome): QueueOutcome {
  if (outcome.type === 'failed') return outcome.failure;
  return outcome.type === 'abandoned' ? outcome.cause : 'acknowledged';
}

/** The queue of one backend, and its model. */
class Side {
  readonly told: string[] = [];
  readonly sent: string[] = [];
  readonly asked: string[] = [];
  readonly queue: TransferQueue;
  readonly model: QueueModel;
  settled: boolean | undefined;

  constructor(capacity: number, tokens: TransferTokens<TransferQueue>, tokenModel: TokenModel) {
    const channel: HandoffChannel = {
      capacity,
      send: ({ token }, _socket, callback) => {
        this.sent.push(token);
        callback(null);
      },
      sync: (message) => {
        expect(message).toEqual({ handoffController: 1, type: 'sync', token: expect.any(String) });
        this.asked.push(message.token);
      },
      drain: () => {},
      close: () => {},
    };
    this.model = new QueueModel(tokenModel, capacity);
    this.queue = new TransferQueue(channel, tokens, (why) => this.told.push(why));
  }

  answer(answer: ChannelAnswer | 'malformed'): void {
    this.queue.receive(answer);
  }
}

/** Two backends with one memory of tokens, held against their models at every step. */
class Run {
  readonly #sides: readonly [Side, Side];
  readonly #entries: Entry[] = [];
  #now = 0;

  constructor(capacity: number) {
    const tokens = new TransferTokens<TransferQueue>();
    const tokenModel = new TokenModel();
    this.#sides = [new Side(capacity, tokens, tokenModel), new Side(capacity, tokens, tokenModel)];
  }

  #tokenOf(number: number): string {
    return this.#entries[number]?.transfer.token ?? 'f'.repeat(32);
  }

  #numbersOf(tokens: readonly string[]): number[] {
    return tokens.map((token) => this.#entries.findIndex((entry) => entry.transfer.hasToken(token)));
  }

  #add(side: Side, ticks: number): void {
    // Nothing is added any more to a queue of which somebody waits for the end.
    if (this.#entries.length === MAX_TRANSFERS || side.settled !== undefined) return;
    const outcomes: QueueOutcome[] = [];
    const transfer = new Transfer({
      socket: new Socket(),
      connectionId: '0'.repeat(32),
      issuedAt: 0,
      clientKnows: true,
      earlyData: Buffer.alloc(0),
      backend: '0'.repeat(32),
      endpoint: '/endpoint',
      deadlineMs: ticks * TICK_MS,
      onState() {},
      onOutcome: (outcome) => outcomes.push(shorten(outcome)),
    });
    const entry = { transfer, side, outcomes, expiresAt: this.#now + ticks * TICK_MS };
    const number = this.#entries.push(entry) - 1;
    side.queue.add(transfer);
    side.model.add(number);
  }

  #tick(): void {
    this.#now += TICK_MS;
    jest.advanceTimersByTime(TICK_MS);
    for (const [number, { side, expiresAt }] of this.#entries.entries()) {
      if (expiresAt === this.#now) side.model.expire(number);
    }
  }

  take(one: Step): void {
    if (one.type === 'tick') {
      this.#tick();
      this.#check();
      return;
    }
    const side = this.#sides[one.side === 0 ? 0 : 1];
    const { queue, model } = side;
    const base = { handoffController: 1 } as const;
    switch (one.type) {
      case 'add':
        this.#add(side, one.ticks);
        break;
      case 'ack':
        side.answer({ ...base, type: 'ack', token: this.#tokenOf(one.transfer) });
        model.answer(one.transfer, 'ack');
        break;
      case 'refuse':
        side.answer({ ...base, type: 'refuse', token: this.#tokenOf(one.transfer), code: one.code });
        model.answer(one.transfer, one.code);
        break;
      case 'synced':
        side.answer({ ...base, type: 'synced', token: this.#tokenOf(one.transfer) });
        model.sync(one.transfer);
        break;
      case 'malformed':
        side.answer('malformed');
        model.malformed();
        break;
      case 'cut':
        queue.stopSending();
        model.stopSending();
        break;
      case 'settle':
        if (side.settled !== undefined) break;
        side.settled = false;
        queue.whenSettled(() => {
          expect(side.settled).toBe(false);
          side.settled = true;
        });
        break;
      case 'close':
        queue.close();
        model.close();
        break;
    }
    this.#check();
  }

  #check(): void {
    for (const { queue, model, told, sent, asked, settled } of this.#sides) {
      const real = {
        told,
        sent: this.#numbersOf(sent),
        asked: this.#numbersOf(asked),
        size: queue.size,
        waiting: queue.waiting,
      };
      const { told: toTell, sent: toSend, asked: toAsk, size, waiting } = model;
      const expected = { told: toTell, sent: toSend, asked: toAsk, size, waiting };
      // Comparing texts is many times as fast.
      if (JSON.stringify(real) !== JSON.stringify(expected)) expect(real).toEqual(expected);
      // Whoever ends the sending waits for nothing any more.
      if (model.isSending && model.size > 0) expect(settled).not.toBe(true);
      if (model.isSending && model.size === 0) expect(settled).not.toBe(false);
    }
    for (const [number, { side, outcomes }] of this.#entries.entries()) {
      const outcome = side.model.outcomes.get(number);
      if (outcomes.length > 1 || outcomes[0] !== outcome) expect(outcomes).toEqual([outcome]);
    }
  }

  end(): void {
    for (const { queue } of this.#sides) queue.close();
  }
}

describe('random runs of the transfers to two backends, against the reference model', () => {
  beforeAll(() => jest.useFakeTimers());
  afterAll(() => jest.useRealTimers());

  it.each([1, 3])('end once each, and report unexpected answers: capacity %p', (capacity) => {
    let steps = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: MIN_STEPS, maxLength: MAX_STEPS, size: 'max' }), (path) => {
        const run = new Run(capacity);
        for (const one of path) run.take(one);
        run.end();
        steps += path.length;
      }),
      { numRuns: RUNS },
    );
    report(`queue runs, room for ${capacity}: ${RUNS} runs, ${steps} steps, 0 wrong`);
  });
});
