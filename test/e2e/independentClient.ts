// A client written from docs/protocol.md alone: it uses none of the library's code, so that what the page says and what
// the library does can't drift apart unseen.
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

const TYPES = [
  '',
  'hello',
  'handoff',
  'reconnect',
  'error',
  'attach',
  'ready',
  'claimed',
  'probe',
  'identity',
  'status',
  'statusReply',
  'openChannel',
  'channelOpened',
  'carryDescriptors',
];
const MAX_EARLY_DATA = 16_384;
const SHORTAGES = ['EAGAIN', 'EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'];

/** The bytes of a frame. Takes whatever it's given, so that tests can make wrong ones. */
export function rawFrame(type: number, payload: unknown, version = 1): Buffer {
  const json = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  const header = Buffer.alloc(6);
  header.writeUInt32BE(2 + json.length, 0);
  header[4] = version;
  header[5] = type;
  return Buffer.concat([header, json]);
}

/** The bytes of a `hello`. */
export function rawHello(fields: Record<string, unknown> = {}): Buffer {
  return rawFrame(1, {
    id: randomBytes(16).toString('hex'),
    service: 'echo',
    version: '*',
    handoff: true,
    ...fields,
  });
}

/** A frame as it came. */
export interface ReceivedFrame {
  readonly type: string;
  readonly fields: {
    readonly [field in
      | 'backend'
      | 'endpoint'
      | 'stamp'
      | 'deadlineMs'
      | 'reason'
      | 'retryAfterMs'
      | 'code'
      | 'message'
      | 'retryable'
      | 'serviceName'
      | 'serviceVersion'
      | 'pid']?: unknown;
  };
}

/** Takes frames off the front of `bytes`, up to and including the first that hands the connection to the application. */
export function takeFrames(bytes: Buffer): { frames: ReceivedFrame[]; rest: Buffer } {
  const frames: ReceivedFrame[] = [];
  let rest = bytes;
  while (rest.length >= 6) {
    const end = 4 + rest.readUInt32BE(0);
    if (rest.length < end) break;
    const type = TYPES[rest[5] ?? 0] ?? '';
    frames.push({ type, fields: JSON.parse(rest.subarray(6, end).toString('utf8')) });
    rest = rest.subarray(end);
    if (type === 'ready') break;
  }
  return { frames, rest };
}

/** Throws if no frame can begin with these bytes. */
function checkHeader(bytes: Buffer): void {
  if (bytes.length < 4) return;
  const length = bytes.readUInt32BE(0);
  if (length < 2 || length > 4098) throw new Error(`a frame of length ${length}`);
  if (bytes.length > 4 && bytes[4] !== 1) throw new Error(`a frame of version ${bytes[4]}`);
  if (bytes.length > 5 && !TYPES[bytes[5] ?? 0]) throw new Error(`a frame of type ${bytes[5]}`);
}

export interface IndependentClientOptions {
  readonly socketPath: string;
  readonly service: string;
  readonly version?: string;
  readonly handoff?: boolean;
  /** At most 16,384 bytes, sent right behind the hello. */
  readonly earlyData?: Buffer;
  /** Milliseconds for everything together. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds to begin again while there is no broker. */
  readonly brokerWaitMs?: number;
  /** There is a connection. */
  readonly onReady?: () => void;
  /** The application's bytes from the backend, in order. */
  readonly onData: (bytes: Buffer) => void;
  /** The backend has ended its side. */
  readonly onEnd: () => void;
  /** There is no connection, and there won't be one. */
  readonly onError: (error: Error) => void;
}

interface Route {
  readonly socket: Socket;
  received: Buffer;
  error?: NodeJS.ErrnoException;
  /** How much of the application's data was written to this connection. */
  written: number;
}

/** Follows steps 1 to 3 of the page. Unlike the library's it may be written to at any time, before `ready` too. */
export class IndependentClient {
  route: 'none' | 'handedOff' | 'reconnected' = 'none';
  reason: unknown;
  /** How often step 1 was begun. */
  rounds = 0;
  readonly #options: IndependentClientOptions;
  // Everything that the application wants to send: whichever connection wins must have brought all of it.
  #data: Buffer;
  #isEnding = false;
  #isClosed = false;
  #first: Route | undefined;
  #second: Route | undefined;
  #winner: Route | undefined;
  #id = '';
  #target: ReceivedFrame['fields'] | undefined;
  #hasAnnouncement = false;
  #hasAttached = false;
  #missingSince: number | undefined;
  readonly #bound: NodeJS.Timeout;
  #deadline: NodeJS.Timeout | undefined;
  #pause: NodeJS.Timeout | undefined;

  constructor(options: IndependentClientOptions) {
    this.#options = options;
    this.#data = options.earlyData ?? Buffer.alloc(0);
    this.#bound = setTimeout(
      () => this.#giveUp(new Error('no connection in time')),
      options.connectTimeoutMs ?? 60_000,
    );
    this.#begin();
  }

  /** Sends bytes of the application's, after those sent before. */
  write(bytes: Buffer): void {
    this.#data = Buffer.concat([this.#data, bytes]);
    // Before the route is decided, the first connection may get them; the second gets its copy when it wins.
    this.#flush(this.#winner ?? this.#first);
  }

  /** Ends the application's side. */
  end(): void {
    this.#isEnding = true;
    this.#flush(this.#winner);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#bound);
    clearTimeout(this.#pause);
    this.#drop();
  }

  #begin(): void {
    this.rounds += 1;
    this.#id = randomBytes(16).toString('hex');
    this.#target = undefined;
    this.#hasAnnouncement = false;
    this.#hasAttached = false;
    const { socketPath, service, version = '*', handoff = true } = this.#options;
    const hello = rawFrame(1, { id: this.#id, service, version, handoff });
    const first = this.#open(socketPath, hello, (frame) => this.#onFirstFrame(frame));
    this.#first = first;
    first.socket.on('close', () => {
      if (this.#first !== first || this.#winner === first) return;
      this.#first = undefined;
      const { error } = first;
      if (error?.syscall === 'connect' && !SHORTAGES.includes(error.code ?? '')) {
        this.#againIfNotMissingForTooLong(error);
        return;
      }
      this.#missingSince = undefined;
      if (this.#target === undefined) this.#again();
      else if (this.#hasAttached) this.#againIfNoRoute();
      else this.#attach();
    });
  }

  #open(path: string, frame: Buffer, onFrame: (frame: ReceivedFrame) => void): Route {
    const socket = connect({ path, allowHalfOpen: true });
    const early = this.#data.subarray(0, MAX_EARLY_DATA);
    const route: Route = { socket, received: Buffer.alloc(0), written: early.length };
    socket.on('error', (error) => {
      route.error = error;
    });
    socket.write(Buffer.concat([frame, early]));
    socket.on('data', (chunk) => {
      if (this.#winner === route) {
        this.#options.onData(chunk);
        return;
      }
      if (socket.destroyed) return;
      try {
        const { frames, rest } = takeFrames(Buffer.concat([route.received, chunk]));
        route.received = rest;
        for (const received of frames) if (!socket.destroyed) onFrame(received);
        if (this.#winner !== route) checkHeader(rest);
      } catch (error) {
        this.#giveUp(error as Error);
        return;
      }
      const { received: rest } = route;
      if (this.#winner === route && rest.length > 0) this.#options.onData(rest);
    });
    socket.on('end', () => {
      if (this.#winner === route) this.#options.onEnd();
      else socket.destroy();
    });
    return route;
  }

  #onFirstFrame({ type, fields }: ReceivedFrame): void {
    switch (type) {
      case 'handoff':
        if (this.#hasAnnouncement || !this.#follows(fields)) break;
        this.#hasAnnouncement = true;
        if (!this.#hasAttached) this.#deadline = setTimeout(() => this.#attach(), Number(fields.deadlineMs));
        return;
      case 'ready':
        this.#win(this.#first, 'handedOff');
        return;
      case 'reconnect':
        if (!this.#follows(fields)) break;
        this.reason = fields.reason;
        this.#dropFirst();
        if (this.#hasAttached) this.#againIfNoRoute();
        else this.#attach();
        return;
      case 'error':
        if (this.#hasAttached) {
          this.#dropFirst();
          this.#againIfNoRoute();
        } else if (fields.retryable === true) {
          this.#again(Number(fields.retryAfterMs ?? 0));
        } else {
          this.#giveUp(new Error(String(fields.code)));
        }
        return;
    }
    this.#giveUp(new Error(`a ${type} frame out of turn`));
  }

  /** Takes a frame's target; false if step 3 has led to another process. */
  #follows(fields: ReceivedFrame['fields']): boolean {
    if (this.#hasAttached) return this.#target?.backend === fields.backend;
    this.#target = fields;
    return true;
  }

  #dropFirst(): void {
    const first = this.#first;
    this.#first = undefined;
    first?.socket.destroy();
  }

  #attach(): void {
    clearTimeout(this.#deadline);
    this.#hasAttached = true;
    const { endpoint, backend, stamp } = this.#target ?? {};
    const attach = rawFrame(5, { id: this.#id, backend, stamp });
    const second = this.#open(String(endpoint), attach, ({ type }) => {
      if (type === 'ready') this.#win(this.#second, 'reconnected');
      else if (type === 'claimed' || type === 'error') second.socket.destroy();
      else this.#giveUp(new Error(`a ${type} frame out of turn`));
    });
    this.#second = second;
    second.socket.on('close', () => {
      if (this.#second !== second) return;
      this.#second = undefined;
      this.#againIfNoRoute();
    });
  }

  #win(route: Route | undefined, name: 'handedOff' | 'reconnected'): void {
    this.route = name;
    this.#winner = route;
    clearTimeout(this.#deadline);
    clearTimeout(this.#bound);
    const loser = route === this.#first ? this.#second : this.#first;
    if (route === this.#first) this.#second = undefined;
    else this.#first = undefined;
    loser?.socket.destroy();
    this.#options.onReady?.();
    this.#flush(route);
  }

  #flush(route: Route | undefined): void {
    if (route === undefined) return;
    if (route.written < this.#data.length) {
      route.socket.write(this.#data.subarray(route.written));
      route.written = this.#data.length;
    }
    if (this.#isEnding && route === this.#winner) route.socket.end();
  }

  #againIfNoRoute(): void {
    if (this.#first === undefined && this.#second === undefined) this.#again();
  }

  #againIfNotMissingForTooLong(error: Error): void {
    this.#missingSince ??= performance.now();
    if (performance.now() - this.#missingSince < (this.#options.brokerWaitMs ?? 1000)) this.#again();
    else this.#giveUp(error);
  }

  #again(retryAfterMs = 0): void {
    if (this.#isClosed || this.#winner !== undefined) return;
    this.#drop();
    const longestMs = Math.min(500, 20 * 2 ** Math.min(this.rounds - 1, 10));
    const pauseMs = Math.max(retryAfterMs, longestMs * (0.5 + Math.random() / 2));
    this.#pause = setTimeout(() => this.#begin(), pauseMs);
  }

  #giveUp(error: Error): void {
    if (this.#isClosed) return;
    this.close();
    this.#options.onError(error);
  }

  #drop(): void {
    clearTimeout(this.#deadline);
    for (const route of [this.#first, this.#second]) route?.socket.destroy();
    this.#first = undefined;
    this.#second = undefined;
  }
}
