import type { Socket } from 'node:net';

/** What a process of a run is told to do wrong. */
export type ChaosCommand =
  | { readonly fault: 'block'; readonly ms: number }
  | { readonly fault: 'fillDescriptors'; readonly ms: number }
  | { readonly fault: 'breakAccepted'; readonly count: number }
  | { readonly fault: 'dropAck'; readonly count: number }
  | { readonly fault: 'delayAck'; readonly count: number; readonly ms: number }
  | { readonly fault: 'duplicateAck'; readonly count: number }
  | { readonly fault: 'forgeAck'; readonly count: number }
  | { readonly fault: 'dieOnHandle' }
  | { readonly fault: 'dieOnReady' }
  | { readonly fault: 'dieOnAck' }
  | { readonly fault: 'dieAt'; readonly state: 'issued' | 'announced' | 'sent' | 'acknowledged' }
  | { readonly fault: 'report' };

/** What a process of a run says. */
export type ChaosReport =
  | {
      readonly type: 'hello';
      readonly role: 'broker' | 'backend';
      readonly name: string;
      readonly pid: number;
    }
  | { readonly type: 'ready' }
  | {
      readonly type: 'report';
      readonly connections: number;
      readonly inFlight: number;
      readonly ready: boolean;
      /** Backends whose chart isn't what the log of events says. */
      readonly wrongCharts: readonly string[];
    };

/** Calls back for each JSON line. */
export function readLines<T>(socket: Socket, onMessage: (message: T) => void): void {
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) onMessage(JSON.parse(line) as T);
  });
}

export function writeLine(socket: Socket, message: ChaosCommand | ChaosReport): void {
  socket.write(`${JSON.stringify(message)}\n`);
}
