import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeFileSync } from 'node:fs';
import { connect } from '../../src/client';
import { eventually } from '../support/eventually';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { Command, DEMO_BACKEND } from './support/Command';

const PIPE_BYTES = 65_536;
// Each connection is told of in several lines.
const BYTES_A_CONNECTION = 300;

describe('a broker whose log is a pipe that nobody reads', () => {
  const brokers = brokersOfEachTest();

  it('continues to serve, and stops when asked', async () => {
    const socketPath = brokers.path('broker.sock');
    const config = brokers.path('broker.json');
    const services = [{ name: 'echo', version: '1.0.0', module: DEMO_BACKEND }];
    writeFileSync(config, JSON.stringify({ socketPath, services }));
    const path = brokers.path('log');
    execFileSync('mkfifo', [path]);
    const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    // The broker's own, as it would be given by a shell: it blocks.
    const given = openSync(path, constants.O_WRONLY);
    try {
      const args = ['broker', '--config', config, '--log-level', 'debug'];
      const command = new Command(args, brokers.directory, {}, 'pipe', given);
      await eventually('the broker serves', async () => {
        (await connect({ socketPath, service: 'echo' })).socket.destroy();
        return true;
      });
      for (let written = 0; written < 2 * PIPE_BYTES; written += BYTES_A_CONNECTION) {
        (await connect({ socketPath, service: 'echo' })).socket.destroy();
      }
      // Nobody reads, and the pipe is full.
      command.child.kill('SIGTERM');
      expect(await command.ended()).toBe(0);
      expect(readSync(pipe, Buffer.alloc(2 * PIPE_BYTES))).toBeGreaterThan(PIPE_BYTES / 2);
    } finally {
      closeSync(given);
      closeSync(pipe);
    }
  });
});
