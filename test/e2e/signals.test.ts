import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../support/eventually';
import { Command, DEMO_BACKEND } from './support/Command';
import { fixtureService, isAlive, TestBrokers } from './support/TestBrokers';

/** Whether a process has a handler of its own for a signal. */
function catches(pid: number, signal: 'SIGHUP' | 'SIGUSR2'): boolean {
  const [, mask = '0'] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (BigInt(`0x${mask}`) & (1n << BigInt(constants.signals[signal] - 1))) !== 0n;
}

describe('signals to a broker', () => {
  const brokers = new TestBrokers();
  let gate: string;
  let pids: string;

  afterEach(async () => expect(await brokers.stop()).toEqual([]));

  /** A broker whose backend takes connections once `gate` is there. */
  function start(args: readonly string[] = []): Command {
    gate = brokers.path('gate');
    pids = brokers.path('pids');
    writeFileSync(pids, '');
    const module = brokers.path('backend.js');
    writeFileSync(
      module,
      `const { appendFileSync, existsSync } = require('node:fs');
      appendFileSync(process.argv[2], process.pid + '\\n');
      const timer = setInterval(() => {
        if (!existsSync(process.argv[3])) return;
        clearInterval(timer);
        require(process.argv[4]);
      }, 5);`,
    );
    return run([{ name: 'echo', version: '1.0.0', module, args: [pids, gate, DEMO_BACKEND] }], args);
  }

  function run(services: readonly object[], args: readonly string[] = []): Command {
    const config = brokers.path('broker.json');
    writeFileSync(
      config,
      JSON.stringify({
        socketPath: brokers.path('broker.sock'),
        services,
        startTimeoutMs: 60_000,
        stopTimeoutMs: 60_000,
      }),
    );
    return new Command(['broker', '--config', config, ...args], brokers.directory);
  }

  const backends = (): number[] => readFileSync(pids, 'utf8').split('\n').filter(Boolean).map(Number);

  const isEnded = () => eventually('every backend to end', () => backends().every((pid) => !isAlive(pid)));

  it('SIGHUP and SIGUSR2 wait while it starts, and are ignored while it stops', async () => {
    const command = start();
    const { child } = command;
    const pid = child.pid as number;
    // Before it runs, a new process has its parent's handlers.
    await eventually('the backend to start', () => backends().length === 1);
    await eventually('the handlers', () => catches(pid, 'SIGHUP') && catches(pid, 'SIGUSR2'));
    for (const signal of ['SIGUSR2', 'SIGHUP'] as const) child.kill(signal);
    writeFileSync(gate, '');
    await command.printed('configuration reloaded');
    await command.printed('inspection attached');
    expect(
      command.log.map(({ message }) => message).filter((message) => message.startsWith('ins')),
    ).toHaveLength(1);

    // Its stop waits for this one, so that it stands in its stopping for as long as signals are sent. Later ones could find
    // Node's own end, when no handler is left.
    const [backend = 0] = backends();
    process.kill(backend, 'SIGSTOP');
    try {
      child.kill('SIGTERM');
      await command.printed('"stopping"');
      for (let sent = 1; sent <= 20; sent += 1) {
        for (const signal of ['SIGHUP', 'SIGUSR2'] as const) child.kill(signal);
        await command.printed('ignored: the broker is stopping', 2 * sent);
      }
    } finally {
      process.kill(backend, 'SIGCONT');
    }
    expect(await command.ended()).toBe(0);
    expect(child.signalCode).toBeNull();
    expect(command.log.map(({ message }) => message)).toContain('stopped');
    await isEnded();
  });

  it('many SIGHUP and a stop in the middle of them end it cleanly', async () => {
    const command = start();
    const { child } = command;
    writeFileSync(gate, '');
    await command.printed('listening');
    const timer = setInterval(() => child.kill('SIGHUP'), 1);
    try {
      await command.printed('configuration reloaded', 5);
      child.kill('SIGTERM');
      await command.printed('stopping');
    } finally {
      clearInterval(timer);
    }
    expect(await command.ended()).toBe(0);
    expect(command.log.filter(({ level }) => level === 'error')).toEqual([]);
    await isEnded();
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('%s while it starts ends it and its backends', async (signal) => {
    const command = start();
    await eventually('the backend to start', () => backends().length === 1);
    command.child.kill(signal);
    writeFileSync(gate, '');
    expect(await command.ended()).toBe(0);
    await isEnded();
  });

  it.each(['starts', 'stops'])(
    'a second signal while it %s ends it at once, and its backends with it',
    async (when) => {
      const service = fixtureService('ignoreStop');
      const command = run([
        { ...service, name: 'ready', logFile: brokers.path('log') },
        ...(when === 'starts' ? [{ ...service, args: ['neverListens'] }] : []),
      ]);
      const { child } = command;
      const ready = async (): Promise<number> =>
        eventually('the backend', () => {
          const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
          return Number(children.split(' ')[0]);
        });
      const backend = await ready();
      brokers.watch({ pid: backend, endpoint: join(brokers.directory, 'none', 'x.sock') });
      if (when === 'stops') await command.printed('listening');
      child.kill('SIGINT');
      if (when === 'stops') await command.printed('stopping');
      child.kill('SIGTERM');
      expect(await command.ended()).toBe(130);
      await eventually('the backend to end', () => !isAlive(backend));
      // The next broker would take it over.
      for (const name of readdirSync(brokers.directory)) {
        if (name.endsWith('.sock')) rmSync(join(brokers.directory, name));
      }
    },
  );
});
