import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const REGISTER = require.resolve('ts-node/register/transpile-only');
const FIXTURE = join(__dirname, '../../fixtures/clients/hostileClient.ts');

/** What they can do to either kind of socket; some can do more to a broker's, others to a backend's. */
const COMMON_ATTACKS = ['idle', 'idleAgain', 'slow', 'halfOpen', 'flood', 'garbage', 'hugeFrames'] as const;

/** What they can do to a broker's socket. */
export const BROKER_ATTACKS = [...COMMON_ATTACKS, 'neverReads', 'hellos'] as const;

/** 64 peers that mean no good, in a process of their own; each begins anew when it's thrown out. */
export class HostilePeers {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves when all of them are at it. */
  static async start(attack: (typeof BROKER_ATTACKS)[number], socketPath: string): Promise<HostilePeers> {
    const child = spawn(process.execPath, ['-r', REGISTER, FIXTURE, attack, socketPath], {
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
