import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

// How the bench speaks with the processes it measures: lines of JSON on a socket of its own, one answer to each order, and
// nothing while a round is under way. The backend is the broker's child, so that IPC would not reach it.

export type ProcessRole = 'broker' | 'backend' | 'clients';

/** One round of connections on one route. */
export interface RoundOrder {
  readonly clients: number;
  readonly connections: number;
  /** Size of a request. */
  readonly bytes: number;
  /** Whether the request goes with the `hello`, or when the connection leads to the backend. */
  readonly earlyData: boolean;
  readonly route: 'handedOff' | 'reconnected';
}

export interface RoundResult {
  readonly latenciesMs: readonly number[];
  readonly elapsedMs: number;
}

export type ControlOrder =
  | { readonly type: 'usage' }
  | { readonly type: 'round'; readonly round: RoundOrder }
  | { readonly type: 'stop' };

export type ControlAnswer =
  | { readonly type: 'hello'; readonly role: ProcessRole; readonly pid: number }
  | { readonly type: 'usage'; readonly cpuMs: number }
  | { readonly type: 'round'; readonly result: RoundResult }
  | { readonly type: 'failed'; readonly message: string };

export function controlPath(directory: string): string {
  return join(directory, 'control.sock');
}

/** What a process of the bench does beside telling how much CPU time it has used. */
export interface ControlHandlers {
  /** @default a round is not this process's to run */
  readonly onRound?: (round: RoundOrder) => Promise<RoundResult>;
  /** @param isOrdered false: the bench is gone, and nobody else cleans up. Called once. */
  readonly onStop: (isOrdered: boolean) => void;
}

/** Takes the bench's orders. */
export function takeOrders(directory: string, role: ProcessRole, handlers: ControlHandlers): Socket {
  const socket = connect(controlPath(directory));
  const answer = (value: ControlAnswer): void => {
    socket.write(`${JSON.stringify(value)}\n`);
  };
  let isStopped = false;
  const stop = (isOrdered: boolean): void => {
    if (isStopped) return;
    isStopped = true;
    handlers.onStop(isOrdered);
  };
  const obey = async (order: ControlOrder): Promise<void> => {
    switch (order.type) {
      case 'usage': {
        const { user, system } = process.cpuUsage();
        answer({ type: 'usage', cpuMs: (user + system) / 1_000 });
        return;
      }
      case 'round':
        if (handlers.onRound === undefined) throw new Error(`The ${role} process runs no rounds`);
        answer({ type: 'round', result: await handlers.onRound(order.round) });
        return;
      case 'stop':
        stop(true);
        return;
    }
  };
  socket.on('error', () => {});
  socket.once('close', () => stop(false));
  createInterface({ input: socket }).on('line', (line) => {
    obey(JSON.parse(line) as ControlOrder).catch((error: unknown) => {
      answer({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
    });
  });
  answer({ type: 'hello', role, pid: process.pid });
  return socket;
}
