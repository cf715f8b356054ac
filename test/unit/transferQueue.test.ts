import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import type { HandoffTransport } from '../../src/broker';
import { Transfer } from '../../src/broker/Transfer';
import { TransferQueue } from '../../src/broker/TransferQueue';
import { TransferTokens } from '../../src/broker/TransferTokens';
import { eventually } from '../support/eventually';

describe('the transfers to a backend', () => {
  it('know an answer to their own question, though more tokens were issued since than are remembered', async () => {
    const child = Object.assign(new EventEmitter(), { connected: true }) as unknown as ChildProcess;
    const asked: string[] = [];
    const transport: HandoffTransport = {
      supported: true,
      capacity: () => 2,
      send: (_child, _message, _socket, callback) => callback(null),
      sync: (_child, { token }) => asked.push(token),
    };
    const refused: string[] = [];
    const queue = new TransferQueue(child, transport, new TransferTokens({ maxTokens: 1 }), {
      onListening() {},
      onRefusedAnswer: (why) => refused.push(why),
    });
    const add = (deadlineMs: number): Transfer => {
      const transfer = new Transfer({
        socket: new Socket(),
        connectionId: '0'.repeat(32),
        stamp: 0,
        clientKnows: true,
        earlyData: Buffer.alloc(0),
        backend: '0'.repeat(32),
        endpoint: 'endpoint',
        deadlineMs,
        transport,
        onState() {},
        onOutcome() {},
        onReleased() {},
      });
      queue.add(transfer);
      return transfer;
    };
    const { token } = add(1);
    await eventually('a question', () => asked.length === 1);
    add(60_000);
    child.emit('message', { handoffController: 1, type: 'ack', token });
    child.emit('message', { handoffController: 1, type: 'synced', token });
    expect(refused).toEqual(['late']);
    child.emit('message', { handoffController: 1, type: 'synced', token });
    expect(refused).toEqual(['late', 'unknown']);
    queue.close();
  });
});
