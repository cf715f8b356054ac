import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, HandoffClientError } from '../../src/client';
import type { ChaosCounts } from './ChaosCounts';
import type { ChaosDeath, ChaosProcesses } from './ChaosProcesses';
import type { Random } from './Random';
import { encodeRequest } from './RequestReader';

// An end is seen on another connection than the death that it came from.
const DEATH_IS_SEEN_MS = 1500;
const LARGE_BYTES = 200_000;
const SMALL_BYTES = 3000;

interface Reply {
  readonly id: string;
  readonly bytes: number;
  readonly sha1: string;
  readonly pid: number;
}

/** Clients that behave well, and what becomes of each request. */
export class ChaosLoad {
  readonly problems: string[] = [];
  readonly #processes: ChaosProcesses;
  readonly #services: readonly [string, ...string[]];
  readonly #random: Random;
  readonly #counts: ChaosCounts;
  readonly #unrecovered = new Map<string, number>();
  readonly #answered = new Set<string>();
  #isOver = false;

  constructor(
    processes: ChaosProcesses,
    services: readonly [string, ...string[]],
    random: Random,
    counts: ChaosCounts,
  ) {
    this.#processes = processes;
    this.#services = services;
    this.#random = random;
    this.#counts = counts;
    processes.onDeath = (death) => this.#onDeath(death);
  }

  async run(clients: number): Promise<void> {
    await Promise.all(Array.from({ length: clients }, () => this.#client()));
  }

  stop(): void {
    this.#isOver = true;
  }

  /** Reads what the backends have run. */
  checkRecord(path: string): void {
    const runs = new Map<string, number>();
    for (const id of readFileSync(path, 'utf8').split('\n').filter(Boolean))
      runs.set(id, (runs.get(id) ?? 0) + 1);
    for (const [id, times] of runs) {
      if (times > 1) this.#report('repliesDuplicated', times - 1, `request ${id} ran ${times} times`);
    }
    for (const id of this.#answered) {
      if (!runs.has(id)) this.#report('bytesLost', 1, `request ${id} was answered and never ran`);
    }
  }

  #onDeath({ role, name, at }: ChaosDeath): void {
    for (const service of role === 'broker' ? this.#services : [name]) {
      if (!this.#unrecovered.has(service)) this.#unrecovered.set(service, at);
    }
  }

  #onSuccess(service: string, begunAt: number): void {
    const diedAt = this.#unrecovered.get(service);
    if (diedAt === undefined || begunAt < diedAt) return;
    this.#unrecovered.delete(service);
    this.#counts.maxRecoveryMs = Math.max(this.#counts.maxRecoveryMs, Math.round(performance.now() - diedAt));
  }

  async #client(): Promise<void> {
    while (!this.#isOver) {
      await this.#session(this.#random.pick(this.#services));
      await sleep(this.#random.between(0, 20));
    }
  }

  async #session(service: string): Promise<void> {
    const begunAt = performance.now();
    const first = this.#newRequest();
    let pid: number | undefined;
    let socket: Socket;
    this.#counts.connections += 1;
    try {
      const connection = await connect({
        socketPath: this.#processes.socketPath,
        service,
        earlyData: first.data,
        handoff: this.#random.between(0, 9) > 0,
        brokerWaitMs: 10_000,
        allowHalfOpen: true,
      });
      socket = connection.socket;
    } catch (error) {
      await this.#onConnectError(service, error, begunAt);
      return;
    }
    const replies = new ReplyReader(socket);
    let request = first;
    let left = this.#random.between(0, 3);
    for (;;) {
      let reply: Reply;
      try {
        reply = await replies.next();
      } catch (error) {
        await this.#onLost(service, error as Error, pid, begunAt);
        socket.destroy();
        return;
      }
      pid = reply.pid;
      this.#check(request, reply);
      this.#onSuccess(service, begunAt);
      if (left === 0 || this.#isOver) break;
      left -= 1;
      await sleep(this.#random.between(0, 150));
      request = this.#newRequest();
      socket.write(request.data);
    }
    socket.end();
    const rest = await replies.rest();
    if (rest > 0) this.#report('repliesDuplicated', 1, `${rest} bytes came behind the last reply`);
    socket.destroy();
  }

  #newRequest() {
    const isLarge = this.#random.between(0, 9) === 0;
    const body = Buffer.alloc(this.#random.between(0, isLarge ? LARGE_BYTES : SMALL_BYTES));
    for (let at = 0; at < body.length; at += 64) body.writeUInt8(this.#random.between(0, 255), at);
    const id = randomUUID();
    return { id, body, data: encodeRequest(id, body) };
  }

  #check({ id, body }: { id: string; body: Buffer }, reply: Reply): void {
    this.#answered.add(id);
    const difference = reply.bytes - body.length;
    if (reply.id !== id) {
      this.#report('repliesDuplicated', 1, `${reply.id} was answered instead of ${id}`);
    } else if (difference !== 0) {
      this.#report(difference < 0 ? 'bytesLost' : 'bytesDuplicated', Math.abs(difference), `request ${id}`);
    } else if (reply.sha1 !== createHash('sha1').update(body).digest('hex')) {
      this.#report('bytesLost', body.length, `request ${id} came as other bytes`);
    }
  }

  async #onConnectError(service: string, error: unknown, begunAt: number): Promise<void> {
    const { code, message } = error as HandoffClientError;
    if (code === 'connectionLost') {
      const isCut = await this.#hasSeen(({ role, name }) => role === 'broker' || name === service, begunAt);
      if (isCut) this.#counts.requestsCutByDeath += 1;
      else this.#report('clientErrors', 1, `lost while it was sent, and nobody had died: ${message}`);
    } else if (this.#processes.isReachable(service)) {
      this.#report('clientErrors', 1, `${code}: ${message}`);
    } else {
      this.#counts.clientsUnserved += 1;
    }
  }

  async #onLost(service: string, error: Error, pid: number | undefined, begunAt: number): Promise<void> {
    const isTold = error instanceof HandoffClientError && error.code === 'connectionLost';
    const isCut = await this.#hasSeen(
      (death) => death.role === 'backend' && (pid === undefined ? death.name === service : death.pid === pid),
      begunAt,
    );
    // Once a reply has begun to come the library can't know whether an end is one; before it, it has to say so.
    if (isCut && (isTold || pid !== undefined)) this.#counts.requestsCutByDeath += 1;
    else this.#report('clientErrors', 1, `lost by ${pid ?? service}: ${error.message}`);
  }

  async #hasSeen(isIt: (death: ChaosDeath) => boolean, since: number): Promise<boolean> {
    const isSeen = (): boolean =>
      this.#processes.deaths.some(
        (death) =>
          death.at >= since - DEATH_IS_SEEN_MS && this.#processes.doomed.has(death.pid) && isIt(death),
      );
    if (!isSeen()) await sleep(DEATH_IS_SEEN_MS);
    return isSeen();
  }

  #report(
    count: 'clientErrors' | 'bytesLost' | 'bytesDuplicated' | 'repliesDuplicated',
    by: number,
    problem: string,
  ): void {
    this.#counts[count] += by;
    this.problems.push(`${count}: ${problem}`);
  }
}

class ReplyReader {
  readonly #replies: Reply[] = [];
  #text = '';
  #end: Error | undefined;
  #onChange: () => void = () => {};

  constructor(socket: Socket) {
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      const lines = `${this.#text}${chunk}`.split('\n');
      this.#text = lines.pop() ?? '';
      for (const line of lines) this.#replies.push(JSON.parse(line) as Reply);
      this.#onChange();
    });
    const end = (error: Error): void => {
      this.#end ??= error;
      this.#onChange();
    };
    socket.on('end', () => end(new Error('the end came instead of a reply')));
    socket.on('error', end);
    socket.on('close', () => end(new Error('the connection was closed instead of a reply')));
  }

  async next(): Promise<Reply> {
    for (;;) {
      const reply = this.#replies.shift();
      if (reply !== undefined) return reply;
      if (this.#end !== undefined) throw this.#end;
      await this.#changed();
    }
  }

  /** Waits for the end. Resolves to what came in front of it. */
  async rest(): Promise<number> {
    while (this.#end === undefined) await this.#changed();
    return this.#replies.length + this.#text.length;
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#onChange = resolve;
    });
  }
}
