import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { processStart } from '../../src/broker/backends/processStart';
import { itNeeds } from '../support/itNeeds';
import { TestBrokers } from './support/TestBrokers';

const ROUNDS = 10;
const END_MS = 20_000;
/** Listens, beside threads that are slow to end. */
const PROGRAM = `
  const { Worker } = require('node:worker_threads');
  for (let i = 0; i < 4; i += 1) new Worker('for (;;);', { eval: true });
  require('node:net').createServer().listen(process.argv[1], () => console.log('listening'));
`;

const brokers = new TestBrokers();

afterEach(async () => {
  expect(await brokers.stop()).toEqual([]);
});

async function start(path: string): Promise<ChildProcess & { readonly pid: number }> {
  const child = spawn(process.execPath, ['-e', PROGRAM, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const { pid, stdout } = child;
  if (pid === undefined) throw new Error('no process was started');
  brokers.pids.add(pid);
  await once(stdout, 'data');
  return Object.assign(child, { pid });
}

describe('a process that has ended', () => {
  itNeeds('Linux', process.platform === 'linux')('holds no socket any more', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const path = brokers.path('listener');
      const child = await start(path);
      const began = processStart(child.pid);
      const ended = once(child, 'exit');
      process.kill(child.pid, 'SIGKILL');
      // Not a turn of the event loop in between, in which the last threads would end.
      const deadline = performance.now() + END_MS;
      while (processStart(child.pid) === began && performance.now() < deadline);
      const socket = connect({ path });
      await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      await ended;
    }
  });
});
