import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { BackendStatus, BrokerStats } from '../../../src/broker';
import { compiled } from '../../support/compiled';

const FIXTURE = compiled('test/fixtures/limitedBroker.ts');

/** A broker in a process that may have few descriptors open. */
export class LimitedBroker {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(
    socketPath: string,
    maxFds: number,
    options: Record<string, unknown> = {},
  ): Promise<LimitedBroker> {
    const child = spawn(
      'sh',
      [
        '-c',
        `ulimit -n ${maxFds} && exec "$0" "$@"`,
        process.execPath,
        FIXTURE,
        socketPath,
        JSON.stringify(options),
      ],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    );
    const exited = once(child, 'exit').then(([code]) => {
      throw new Error(`the broker ended with code ${code} before it listened`);
    });
    await Promise.race([once(child, 'message'), exited]);
    return new LimitedBroker(child);
  }

  async ask(): Promise<{ stats: BrokerStats; backends: BackendStatus[]; failedStarts: number }> {
    return (await this.#answer('stats')) as Awaited<ReturnType<LimitedBroker['ask']>>;
  }

  /** `fill`: has it use up its descriptors; `empty`: has it give them back. */
  async tell(what: 'fill' | 'empty'): Promise<void> {
    await this.#answer(what);
  }

  async #answer(message: string): Promise<unknown> {
    this.#child.send(message);
    const [answer] = await once(this.#child, 'message');
    return answer;
  }

  /** Ends it without a word, if it's there. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Resolves with the process's exit status. */
  async stop(): Promise<unknown> {
    this.#child.send('stop');
    const [code] = await once(this.#child, 'exit');
    return code;
  }
}
