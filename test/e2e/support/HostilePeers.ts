import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { compiled } from '../../support/compiled';

const FIXTURE = compiled('test/fixtures/clients/hostileClient.ts');

/** What they can do to either kind of socket. */
const COMMON_ATTACKS = [
  'idle',
  'idleAgain',
  'slow',
  'halfOpen',
  'flood',
  'neverReads',
  'garbage',
  'hugeFrames',
] as const;

/** What they can do to a broker's socket. */
export const BROKER_ATTACKS = [...COMMON_ATTACKS, 'hellos'] as const;

/** What they can do to a backend's endpoint. */
export const BACKEND_ATTACKS = [...COMMON_ATTACKS, 'attaches', 'probes'] as const;

/** What hostile peers do. */
export type Attack = (typeof BROKER_ATTACKS | typeof BACKEND_ATTACKS)[number];

/** 64 attackers in a separate process; each starts again when it's disconnected. */
export class HostilePeers {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /**
   * Resolves when all of them are at it.
   *
   * @param backend which process the socket is the endpoint of; left out, the socket is a broker's.
   */
  static async start(attack: Attack, socketPath: string, backend?: string): Promise<HostilePeers> {
    const args = [FIXTURE, attack, socketPath, ...(backend === undefined ? [] : [backend])];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const peers = new HostilePeers(child);
    try {
      await Promise.race([
        once(child, 'message'),
        once(child, 'exit').then(() => {
          throw new Error(`the ${attack} peers ended before they began`);
        }),
      ]);
    } catch (error) {
      await peers.stop();
      throw error;
    }
    return peers;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }
}
