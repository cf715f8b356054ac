import { Socket } from 'node:net';
import type { HandoffChannel } from '../../src/broker';
import { Transfer } from '../../src/broker/transfers/Transfer';
import { TransferQueue } from '../../src/broker/transfers/TransferQueue';
import { TransferTokens } from '../../src/broker/transfers/TransferTokens';
import { eventually } from '../support/eventually';

describe('the transfers to a backend', () => {
  it('recognize the answer to their own sync after more tokens than are remembered', async () => {
    const asked: string[] = [];
    const channel: HandoffChannel = {
      capacity: 2,
      send: (_message, _socket, callback) => callback(null),
      sync: ({ token }) => asked.push(token),
      drain: () => {},
      close: () => {},
    };
    const refused: string[] = [];
    const queue = new TransferQueue(channel, new TransferTokens({ maxTokens: 1 }), (why) =>
      refused.push(why),
    );
    const add = (deadlineMs: number): Transfer => {
      const transfer = new Transfer({
        socket: new Socket(),
        connectionId: '0'.repeat(32),
        issuedAt: 0,
        clientKnows: true,
        earlyData: Buffer.alloc(0),
        backend: '0'.repeat(32),
        endpoint: 'endpoint',
        deadlineMs,
        onState() {},
        onOutcome() {},
      });
      queue.add(transfer);
      return transfer;
    };
    const { token } = add(1);
    await eventually('a question', () => asked.length === 1);
    add(60_000);
    queue.receive({ handoffController: 1, type: 'ack', token });
    queue.receive({ handoffController: 1, type: 'synced', token });
    expect(refused).toEqual(['late']);
    queue.receive({ handoffController: 1, type: 'synced', token });
    expect(refused).toEqual(['late', 'unknown']);
    queue.close();
  });
});
