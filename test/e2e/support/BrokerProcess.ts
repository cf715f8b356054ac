import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { AdoptableBackend, BrokerOptions } from '../../../src/broker';
import { compiled } from '../../support/compiled';

/** A broker that can be killed, since it has a process of its own. */
export class BrokerProcess {
  readonly child: ChildProcess;

  private constructor(options: BrokerOptions, env: Readonly<Record<string, string>>) {
    this.child = fork(compiled('test/fixtures/brokerProcess.ts'), [JSON.stringify(options)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ...env },
    });
  }

  /** Resolves when every backend takes connections. */
  static async start(
    options: BrokerOptions,
  ): Promise<{ broker: BrokerProcess; backends: AdoptableBackend[] }> {
    const broker = new BrokerProcess(options, {});
    return { broker, backends: (await broker.#said()) as AdoptableBackend[] };
  }

  /** Resolves to a backend's process id when the process is there, before it listens. */
  static async starting(options: BrokerOptions): Promise<{ broker: BrokerProcess; pid: number }> {
    const broker = new BrokerProcess(options, { TELL_STARTS: '1' });
    return { broker, pid: (await broker.#said()) as number };
  }

  async kill(): Promise<void> {
    const ended = once(this.child, 'close');
    this.child.kill('SIGKILL');
    await ended;
  }

  async #said(): Promise<unknown> {
    const [message] = (await once(this.child, 'message')) as unknown[];
    return message;
  }
}
