import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBroker } from '../../src/broker';
import { errorOf } from '../support/errorOf';
import { Command, DEMO_BACKEND } from './support/Command';

const SERVICE = { name: 'e', version: '1.0.0', module: DEMO_BACKEND };
const CONFIG = { socketPath: 'b.sock', services: [SERVICE] };

describe('what keeps a broker from starting', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'hc-start-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const put = (name: string, text: string | Buffer): string => {
    const file = join(directory, name);
    writeFileSync(file, text);
    return file;
  };
  const broker = (config: unknown, ...args: string[]): Command =>
    new Command(['broker', '--config', put('broker.json', JSON.stringify(config)), ...args], directory);

  it.each<[string, () => object, RegExp]>([
    [
      'a module that is not there',
      () => ({ services: [{ ...SERVICE, module: 'gone.js' }] }),
      /e@1\.0\.0 can't be started: its module \S+\/gone\.js isn't there/,
    ],
    [
      'a module that is a directory',
      () => ({ services: [{ ...SERVICE, module: '.' }] }),
      /its module \S+ is a directory without a main file/,
    ],
    [
      'a working directory that is not there',
      () => ({ services: [{ ...SERVICE, cwd: 'gone' }] }),
      /its working directory \S+\/gone isn't there/,
    ],
    [
      'a working directory that is a file',
      () => ({ services: [{ ...SERVICE, cwd: 'broker.json' }] }),
      /its working directory \S+\/broker\.json is not a directory/,
    ],
    [
      'a log in a directory that is not there',
      () => ({ services: [{ ...SERVICE, logFile: 'gone/e.log' }] }),
      /the directory of its log file \S+\/gone\/e\.log isn't there/,
    ],
    [
      'a socket in a directory that is not there',
      () => ({ socketPath: 'gone/b.sock' }),
      /there is no directory \S+\/gone/,
    ],
    [
      'a socket in a directory that is open to others',
      () => {
        mkdirSync(join(directory, 'open'));
        chmodSync(join(directory, 'open'), 0o755);
        return { socketPath: 'open/b.sock' };
      },
      /\/open is open to others/,
    ],
    [
      'a file where the socket is to be',
      () => {
        put('b.sock', '');
        return {};
      },
      /b\.sock/,
    ],
    [
      'endpoints with too long a path',
      () => {
        const endpointDirectory = join(directory, 'x'.repeat(90));
        mkdirSync(endpointDirectory, { mode: 0o700 });
        return { endpointDirectory };
      },
      /endpoint must have at most \d+ bytes/,
    ],
    ['a state directory that is a file', () => ({ stateDirectory: 'broker.json' }), /broker\.json/],
    [
      'a state directory below a file',
      () => ({ stateDirectory: 'broker.json/state' }),
      /can't make the directory \S+\/state: /,
    ],
    [
      'a metrics socket with too long a path',
      () => ({ metrics: { socketPath: 'x'.repeat(200) } }),
      /metrics\.socketPath must have at most \d+ bytes/,
    ],
    ...['file', 'directory'].map((kind): [string, () => object, RegExp] => [
      `a ${kind} where the socket of the metrics is to be`,
      () => {
        if (kind === 'file') put('m.sock', '');
        else mkdirSync(join(directory, 'm.sock'));
        return { metrics: { socketPath: 'm.sock' } };
      },
      /m\.sock exists and is not a socket/,
    ]),
    [
      'metrics in a directory that is not there',
      () => ({ metrics: { socketPath: 'gone/m.sock' } }),
      /can't listen on \S+\/gone\/m\.sock: the directory \S+\/gone isn't there/,
    ],
    ...(['e.log', 'p.log', '/dev/zero'] as const).map((logFile): [string, () => object, RegExp] => [
      `a log that is no file (${logFile})`,
      () => {
        if (logFile === 'e.log') mkdirSync(join(directory, logFile));
        if (logFile === 'p.log') execFileSync('mkfifo', [join(directory, logFile)]);
        return { services: [{ ...SERVICE, logFile }] };
      },
      /is a (directory|pipe|device), not a file/,
    ]),
    ...(['lock.sock', 'endpoints', 'logs'] as const).map((name): [string, () => object, RegExp] => [
      `a file where the state directory has its ${name}`,
      () => {
        mkdirSync(join(directory, 'state'), { mode: 0o700 });
        put(`state/${name}`, '');
        return { stateDirectory: 'state' };
      },
      new RegExp(name),
    ]),
    [
      'a path with characters for a terminal',
      () => ({ services: [{ ...SERVICE, module: 'gone\u001b[31m\u009b.js' }] }),
      /gone\\u001b\[31m\\u009b\.js" isn't there/,
    ],
    [
      'a bad version',
      () => ({ services: [{ ...SERVICE, version: 'one' }] }),
      /broker\.json is not a broker's configuration:\n {2}services\[0\]\.version must be a semantic version such as 1\.4\.2, but is "one"/,
    ],
    [
      'many mistakes',
      () => ({ ackDeadline: 5, onStop: 'levae', services: [] }),
      /configuration:\n {2}services must be an array that is not empty, but is an empty array\n {2}onStop must be "stop" or "leave", but is "levae"\n {2}unknown option `ackDeadline`; did you mean `ackDeadlineMs`\?\n/,
    ],
  ])('%s: the start and --check report it', async (_, change, message) => {
    const config = { ...CONFIG, ...change() };
    for (const args of [[], ['--check']]) {
      const command = broker(config, ...args);
      expect(await command.ended()).toBe(1);
      expect(command.stderr).toMatch(message);
      expect(command.stderr).not.toContain('[object Object]');
      expect(command.stdout).toBe('');
    }
    const command = broker(config, '--check', '--json');
    expect(await command.ended()).toBe(1);
    expect(JSON.parse(command.stdout)).toMatchObject({ valid: false, error: expect.any(String) });
  });

  it.each([
    ['a syntax error', 'const = 5;', /SyntaxError/],
    [
      'a module that it needs is missing',
      "require('not-there-at-all');",
      /Cannot find module 'not-there-at-all'/,
    ],
    ['it throws', "throw new Error('no licence \u001b[31mhere');", /no licence here/],
  ])('%s: the error has the log\u2019s path and its last lines', async (_, source, message) => {
    const module = put('e.js', source);
    put('e.log', 'a line of long ago\n');
    const command = broker({ ...CONFIG, services: [{ ...SERVICE, module, logFile: 'e.log' }] });
    expect(await command.ended()).toBe(1);
    expect(command.stderr).toMatch(/e@1\.0\.0 didn't start: it exited with code 1; \S+\/e\.log ends with\n/);
    expect(command.stderr).toMatch(message);
    expect(command.stderr).not.toContain('long ago');
    expect(command.stderr).not.toContain('\u001b');
    expect(readFileSync(join(directory, 'e.log'), 'utf8')).toContain('long ago');
  });

  it('an extension that is left out, and a directory with a main file, are found as Node finds them', async () => {
    put('plain.js', '');
    mkdirSync(join(directory, 'main'));
    put('main/index.js', '');
    const services = ['plain', 'main'].map((module) => ({ ...SERVICE, name: module, module }));
    const command = broker({ ...CONFIG, services }, '--check');
    expect(await command.ended()).toBe(0);
  });

  it('embedded: the error has it too', async () => {
    chmodSync(directory, 0o700);
    const socketPath = join(directory, 'b.sock');
    const services = [{ ...SERVICE, cwd: join(directory, 'gone') }];
    expect(await errorOf(() => createBroker({ socketPath, services }))).toMatchObject({
      code: 'startFailed',
      message: expect.stringMatching(/its working directory \S+\/gone isn't there/),
    });
  });

  it('a byte-order mark in the configuration is no error', async () => {
    const file = put('broker.json', `\ufeff${JSON.stringify(CONFIG)}`);
    const command = new Command(['broker', '--config', file, '--check'], directory);
    expect(await command.ended()).toBe(0);
  });
});

describe('wrong usage', () => {
  it.each([
    [['demo', '--duratoin', '1s'], /unknown option '--duratoin'\n\(Did you mean --duration\?\)/],
    [['brokr'], /unknown command 'brokr'\n\(Did you mean broker\?\)/],
    [['status', '--socket', ''], /--socket must be a non-empty string, but is ""/],
    [['status', '--socket', `/${'x'.repeat(200)}`], /--socket must be a path of at most \d+ bytes/],
    [['status'], /--socket or --config is required/],
    [['status', '--socket', '/a', '--config', 'b'], /cannot be used with/],
    [['why', '--socket', '/a'], /missing required argument/],
    [['demo', 'now'], /too many arguments/],
  ])(
    '%j ends with status 2, says what is wrong, and prints nothing on standard output',
    async (args, message) => {
      const command = new Command(args, tmpdir());
      expect(await command.ended()).toBe(2);
      expect(command.stderr).toMatch(message);
      expect(command.stdout).toBe('');
    },
  );
});
