import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { AdoptableBackend, BrokerOptions } from '../../../src/broker';
import { compiled } from '../../support/compiled';

/** A broker that can be killed, since it has a process of its own. */
export class BrokerProcess {
  readonly child: ChildProcess;
  readonly #closed: Promise<unknown>;

  constructor(options: BrokerOptions, env: Readonly<Record<string, string>>) {
    this.child = fork(compiled('test/fixtures/brokerProcess.ts'), [JSON.stringify(options)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ...env },
    });
    this.#closed = once(this.child, 'close');
  }

  /** As the constructor and `ready`. Whoever calls it has to end the process. */
  static async start(
    options: BrokerOptions,
  ): Promise<{ broker: BrokerProcess; backends: AdoptableBackend[] }> {
    const broker = new BrokerProcess(options, {});
    return { broker, backends: await broker.ready() };
  }

  /** Resolves when every backend takes connections. */
  async ready(): Promise<AdoptableBackend[]> {
    return (await this.#said()) as AdoptableBackend[];
  }

  /** Resolves to the process id of the first backend that it starts, if it is to tell. */
  async firstStart(): Promise<number> {
    return (await this.#said()) as number;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#closed;
  }

  async #said(): Promise<unknown> {
    const ended = this.#closed.then(() => {
      throw new Error('the broker ended before it said anything');
    });
    const [message] = (await Promise.race([once(this.child, 'message'), ended])) as unknown[];
    return message;
  }
}
