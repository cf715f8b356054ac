import { execFile } from 'node:child_process';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BrokerOptions } from '../../src/broker';
import { canBecomeOthers } from '../support/asUser';
import { describeNeeds, itNeeds } from '../support/itNeeds';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { Command, DEMO_BACKEND } from './support/Command';

const OTHER = 1001;
const run = promisify(execFile);

// What needs files of another user can only be run by root; it counts as not run elsewhere.
const describeAsRoot = describeNeeds('root', canBecomeOthers);

describeAsRoot('a broker', () => {
  const brokers = brokersOfEachTest();

  it.each<[string, (directory: string) => Partial<BrokerOptions>]>([
    ['socket', (directory) => ({ socketPath: join(directory, 'broker.sock') })],
    ['state', (directory) => ({ stateDirectory: directory })],
    ['state, still to be made,', (directory) => ({ stateDirectory: join(directory, 'state') })],
    ['endpoints', (directory) => ({ endpointDirectory: directory })],
  ])('does not start with its %s below a directory whose owner could replace it', async (_, options) => {
    const theirs = brokers.path('theirs');
    mkdirSync(join(theirs, 'ours'), { recursive: true, mode: 0o700 });
    chownSync(theirs, OTHER, OTHER);
    // Otherwise nobody else gets there.
    await run('chmod', ['755', brokers.directory, theirs]);
    const own = brokers.path('own');
    mkdirSync(own, { mode: 0o700 });
    const start = brokers.start({ socketPath: join(own, 'broker.sock'), ...options(join(theirs, 'ours')) });
    await expect(start).rejects.toMatchObject({
      code: 'unsafePermissions',
      message: expect.stringMatching(`${theirs} belongs to user ${OTHER}`),
    });
  });
});

const itAsRoot = itNeeds('root', canBecomeOthers);

describe('started as root', () => {
  const brokers = brokersOfEachTest();
  const config = (): string => {
    const file = brokers.path('broker.json');
    const services = [{ name: 'echo', version: '1.0.0', module: DEMO_BACKEND }];
    writeFileSync(file, JSON.stringify({ socketPath: brokers.path('broker.sock'), services }));
    return file;
  };

  itAsRoot('says so in its log, and starts', async () => {
    const command = new Command(['broker', '--config', config()], brokers.directory);
    await command.printed('"listening"');
    expect(command.log).toContainEqual(
      expect.objectContaining({ level: 'warn', message: expect.stringContaining('as root') }),
    );
    command.child.kill('SIGTERM');
    expect(await command.ended()).toBe(0);
  });

  itAsRoot('says so when it checks the configuration, which is valid', async () => {
    const file = config();
    const plain = new Command(['broker', '--check', '--config', file], brokers.directory);
    expect(await plain.ended()).toBe(0);
    expect(plain.stdout).toMatch(/is valid\..*as root/s);
    const json = new Command(['broker', '--check', '--json', '--config', file], brokers.directory);
    expect(await json.ended()).toBe(0);
    expect(JSON.parse(json.stdout)).toEqual({
      config: file,
      valid: true,
      warnings: [expect.stringContaining('as root')],
    });
  });
});
