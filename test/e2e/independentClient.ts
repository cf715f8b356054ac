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
];
const MAX_EARLY_DATA = 16_384;

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

export interface IndependentClientOptions {
  readonly socketPath: string;
  readonly service: string;
  readonly version?: string;
  readonly handoff?: boolean;
  /** At most 16,384 bytes, sent right behind the hello. */
  readonly earlyData?: Buffer;
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
  #hasAttached = false;
  #deadline: NodeJS.Timeout | undefined;
  #pause: NodeJS.Timeout | undefined;

  constructor(options: IndependentClientOptions) {
    this.#options = options;
    this.#data = options.earlyData ?? Buffer.alloc(0);
    this.#begin();
  }

  /** Sends bytes of the application's, after those sent before. */
  write(bytes: Buffer): void {
    this.#data = Buffer.concat([this.#data, bytes]);
    // Before it's decided, the first connection is the one that may get them; the second has its copy when it wins.
    this.#flush(this.#winner ?? this.#first);
  }

  /** Ends the application's side. */
  end(): void {
    this.#isEnding = true;
    this.#flush(this.#winner);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#pause);
    this.#drop();
  }

  #begin(): void {
    this.rounds += 1;
    this.#id = randomBytes(16).toString('hex');
    this.#target = undefined;
    this.#hasAttached = false;
    const { socketPath, service, version = '*', handoff = true } = this.#options;
    const hello = rawFrame(1, { id: this.#id, service, version, handoff });
    const first = this.#open(socketPath, hello, (frame) => this.#onFirstFrame(frame));
    this.#first = first;
    first.socket.on('close', () => {
      if (this.#first !== first) return;
      this.#first = undefined;
      if (this.#target === undefined) this.#again();
      else if (this.#hasAttached) this.#againIfNoRoute();
      else this.#attach();
    });
  }

  #open(path: string, frame: Buffer, onFrame: (frame: ReceivedFrame) => void): Route {
    const socket = connect({ path, allowHalfOpen: true });
    const early = this.#data.subarray(0, MAX_EARLY_DATA);
    const route: Route = { socket, received: Buffer.alloc(0), written: early.length };
    socket.on('error', () => {});
    socket.write(Buffer.concat([frame, early]));
    socket.on('data', (chunk) => {
      if (this.#winner === route) {
        this.#options.onData(chunk);
        return;
      }
      const { frames, rest } = takeFrames(Buffer.concat([route.received, chunk]));
      route.received = rest;
      for (const received of frames) onFrame(received);
      if (this.#winner === route && rest.length > 0) this.#options.onData(rest);
    });
    socket.on('end', () => {
      if (this.#winner === route) this.#options.onEnd();
      else socket.destroy();
    });
    return route;
  }

  #onFirstFrame({ type, fields }: ReceivedFrame): void {
    if (type === 'handoff') {
      this.#target = fields;
      this.#deadline = setTimeout(() => this.#attach(), Number(fields.deadlineMs));
    } else if (type === 'ready') {
      this.#win(this.#first, 'handedOff');
    } else if (type === 'reconnect') {
      this.#target = fields;
      this.reason = fields.reason;
      const first = this.#first;
      this.#first = undefined;
      first?.socket.destroy();
      if (this.#hasAttached) this.#againIfNoRoute();
      else this.#attach();
    } else if (fields.retryable === true) {
      this.#again();
    } else {
      this.close();
      this.#options.onError(new Error(String(fields.code)));
    }
  }

  #attach(): void {
    clearTimeout(this.#deadline);
    this.#hasAttached = true;
    const { endpoint, backend, stamp } = this.#target ?? {};
    const attach = rawFrame(5, { id: this.#id, backend, stamp });
    const second = this.#open(String(endpoint), attach, ({ type }) => {
      if (type === 'ready') this.#win(this.#second, 'reconnected');
      else second.socket.destroy();
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
    const loser = route === this.#first ? this.#second : this.#first;
    if (route === this.#first) this.#second = undefined;
    else this.#first = undefined;
    loser?.socket.destroy();
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

  #again(): void {
    if (this.#isClosed || this.#winner !== undefined) return;
    this.#drop();
    this.#pause = setTimeout(() => this.#begin(), 20 + Math.random() * 20);
  }

  #drop(): void {
    clearTimeout(this.#deadline);
    for (const route of [this.#first, this.#second]) route?.socket.destroy();
    this.#first = undefined;
    this.#second = undefined;
  }
}
