import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { BackendStatus, BrokerStats } from '../../../src/broker';

const FIXTURE = join(__dirname, '../../fixtures/limitedBroker.ts');
const REGISTER = require.resolve('ts-node/register/transpile-only');

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
        '-r',
        REGISTER,
        FIXTURE,
        socketPath,
        JSON.stringify(options),
      ],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    );
    await once(child, 'message');
    return new LimitedBroker(child);
  }

  async ask(): Promise<{ stats: BrokerStats; backends: BackendStatus[] }> {
    this.#child.send('stats');
    const [answer] = await once(this.#child, 'message');
    return answer as { stats: BrokerStats; backends: BackendStatus[] };
  }

  /** Resolves with the process's exit status. */
  async stop(): Promise<unknown> {
    this.#child.send('stop');
    const [code] = await once(this.#child, 'exit');
    return code;
  }
}
