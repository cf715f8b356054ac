import { closeSync, openSync } from 'node:fs';
import { connect, Server, type Socket } from 'node:net';
import { type ChaosCommand, type ChaosReport, readLines, writeLine } from './controlMessage';

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** What any process of a run can be told to do wrong, from inside. */
export class ChaosControl {
  readonly #socket: Socket;
  readonly #onCommand: (command: ChaosCommand) => void;
  #toBreak = 0;

  constructor(role: 'broker' | 'backend', name: string, onCommand: (command: ChaosCommand) => void) {
    this.#onCommand = onCommand;
    const { CHAOS_CONTROL = '' } = process.env;
    this.#socket = connect({ path: CHAOS_CONTROL });
    this.#socket.on('error', () => {});
    // A process outlives its broker, but not the run.
    this.#socket.on('close', () => process.exit(0));
    readLines<ChaosCommand>(this.#socket, (command) => this.#obey(command));
    this.say({ type: 'hello', role, name, pid: process.pid });
    this.#breakAccepted();
  }

  say(report: ChaosReport): void {
    writeLine(this.#socket, report);
  }

  #obey(command: ChaosCommand): void {
    switch (command.fault) {
      case 'block':
        Atomics.wait(sleeper, 0, 0, command.ms);
        return;
      case 'fillDescriptors':
        fillDescriptors(command.ms);
        return;
      case 'breakAccepted':
        this.#toBreak += command.count;
        return;
      default:
        this.#onCommand(command);
    }
  }

  #breakAccepted(): void {
    const emit = Server.prototype.emit as (
      this: Server,
      event: string | symbol,
      ...args: unknown[]
    ) => boolean;
    const shouldBreak = (): boolean => {
      if (this.#toBreak === 0) return false;
      this.#toBreak -= 1;
      return true;
    };
    Server.prototype.emit = function (this: Server, event: string | symbol, ...args: unknown[]): boolean {
      const [socket] = args as [Socket];
      if (event !== 'connection' || !shouldBreak()) return emit.call(this, event, ...args);
      socket.on('error', () => {});
      socket.destroy();
      return true;
    };
  }
}

function fillDescriptors(ms: number): void {
  const descriptors: number[] = [];
  try {
    for (;;) descriptors.push(openSync('/dev/null', 'r'));
  } catch {
    setTimeout(() => descriptors.forEach((descriptor) => void closeSync(descriptor)), ms);
  }
}
