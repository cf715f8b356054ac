import type { Socket } from 'node:net';
import { requireAnswer } from '../errors/callbackAnswer';
import { onRejection } from '../errors/onRejection';
import { messageOf, stackOf } from '../errors/showValue';
import { releaseReading } from '../net/holdReading';
import type { BackendConnectionInfo, ServeBackendOptions } from './BackendOptions';

type Callbacks = Pick<ServeBackendOptions, 'onConnection' | 'refuseHandoff' | 'onError'>;

/** The application behind a backend: whatever goes wrong in its callbacks ends one connection at most. */
export class Application {
  readonly #callbacks: Callbacks;
  /** The number of open connections has changed. */
  onOpenConnections: () => void = () => {};
  #openConnections = 0;

  constructor(callbacks: Callbacks) {
    this.#callbacks = callbacks;
  }

  /** How many connections it was given that are still open. */
  get openConnections(): number {
    return this.#openConnections;
  }

  /** Hands a connection over: from here on its stream, and its errors, are the application's. */
  give(socket: Socket, info: BackendConnectionInfo, earlyData: Buffer): void {
    // A client that leaves in the middle must not end the process of an application that doesn't listen for it.
    socket.on('error', () => {});
    if (earlyData.length > 0) socket.unshift(earlyData);
    releaseReading(socket);
    this.#openConnections += 1;
    socket.once('close', () => {
      this.#openConnections -= 1;
      this.onOpenConnections();
    });
    this.onOpenConnections();
    const onFailed = (error: unknown): void => {
      socket.destroy();
      this.report(error);
    };
    try {
      // Whatever it returns is its own, but nobody else waits for a promise.
      const returned: unknown = this.#callbacks.onConnection(socket, info);
      onRejection(returned, onFailed);
    } catch (error) {
      onFailed(error);
    }
  }

  /** Why the application refuses a handoff; undefined if it takes it. */
  askForRefusal(info: BackendConnectionInfo): 'permission' | 'integrity' | undefined {
    const { refuseHandoff } = this.#callbacks;
    if (refuseHandoff === undefined) return undefined;
    try {
      return requireAnswer(
        'refuseHandoff',
        refuseHandoff(info),
        isRefusal,
        "'permission', 'integrity' or undefined",
      );
    } catch (error) {
      this.report(error);
      return 'integrity';
    }
  }

  /** Does what a connection's socket or timer asks for: whatever goes wrong with it ends this connection alone. */
  guard(socket: Socket, work: () => void): void {
    try {
      work();
    } catch (error) {
      socket.destroy();
      this.report(error);
    }
  }

  report(error: unknown): void {
    const { onError = printError } = this.#callbacks;
    try {
      onRejection(onError(error), printError);
    } catch (cause) {
      printError(cause);
    }
  }
}

/** Nobody listens: Node writes it to standard error. */
function printError(error: unknown): void {
  const detail = stackOf(error);
  process.emitWarning(messageOf(error), { type: 'HandoffBackendWarning', ...(detail && { detail }) });
}

function isRefusal(answer: unknown): answer is 'permission' | 'integrity' | undefined {
  return answer === undefined || answer === 'permission' || answer === 'integrity';
}
