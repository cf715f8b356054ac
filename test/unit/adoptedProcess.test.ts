import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeIpcTransport } from '../../src/broker';
import { AdoptedProcess } from '../../src/broker/backends/AdoptedProcess';
import { TransferTokens } from '../../src/broker/transfers/TransferTokens';
import { encodeFrame } from '../../src/protocol/encodeFrame';

describe('a process that is to be adopted', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'hc-adopted-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is probed again if it was busy', async () => {
    const backend = {
      backend: 'a'.repeat(32),
      serviceName: 'echo',
      serviceVersion: '1.0.0',
      pid: process.pid,
      endpoint: join(directory, 'endpoint.sock'),
    };
    const { endpoint, ...identity } = backend;
    let asked = 0;
    const server = createServer((socket) => {
      asked += 1;
      // Its end is seen by who reads.
      socket.on('error', () => {}).resume();
      if (asked > 1) socket.write(encodeFrame({ type: 'identity', ...identity }));
      else socket.end(encodeFrame({ type: 'error', code: 'busy', message: 'no room', retryable: true }));
    });
    await once(server.listen(endpoint), 'listening');
    try {
      const adopted = await AdoptedProcess.adopt(backend, 60_000, {
        transport: createNodeIpcTransport(),
        tokens: new TransferTokens(),
      });
      adopted.leave();
      expect(asked).toBe(2);
    } finally {
      server.close();
    }
  });
});
