import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/eventually';
import { itNeeds } from '../support/itNeeds';
import { Command, DEMO_BACKEND } from './support/Command';
import { TestBrokers } from './support/TestBrokers';

const HIDE_KOFFI = join(__dirname, '..', 'fixtures', 'hideKoffi.cjs');
const COST = 'slower than reconnecting';
const NO_HANDLES = "connections can't be handed over to this process";
const isLinux = process.platform === 'linux';

describe('without koffi', () => {
  const brokers = new TestBrokers();

  afterEach(async () => expect(await brokers.stop()).toEqual([]));

  function run(env: NodeJS.ProcessEnv, service: object = {}) {
    const socketPath = brokers.path('broker.sock');
    const config = brokers.path('broker.json');
    const logFile = brokers.path('echo.log');
    const echo = { name: 'echo', version: '1.0.0', module: DEMO_BACKEND, logFile, ...service };
    writeFileSync(config, JSON.stringify({ socketPath, services: [echo] }));
    const broker = new Command(['broker', '--config', config], brokers.directory, env);
    return { broker, socketPath, logFile };
  }

  async function statusOf(socketPath: string, ...args: string[]): Promise<string> {
    const status = new Command(['status', '--socket', socketPath, ...args], brokers.directory);
    expect(await status.ended()).toBe(0);
    return status.stdout;
  }

  it('a broker reports it once in its log, and in its status, with the effect', async () => {
    const { broker, socketPath } = run({ NODE_OPTIONS: `--require ${HIDE_KOFFI}` });
    await broker.printed(COST);
    expect(await statusOf(socketPath)).toContain(COST);
    expect(JSON.parse(await statusOf(socketPath, '--json')).broker.limitation).toMatch(/koffi.*loaded/);
    broker.child.kill('SIGTERM');
    expect(await broker.ended()).toBe(0);
    const said = broker.log.filter(({ message }) => message.includes(COST));
    expect(said).toMatchObject([{ level: 'warn', code: 'slowTransport' }]);
  });

  itNeeds('Linux', isLinux)('a backend says so once where its broker has it', async () => {
    const { broker, logFile } = run({}, { execArgv: ['--require', HIDE_KOFFI] });
    await broker.printed('"message":"listening"');
    const log = (): string => readFileSync(logFile, 'utf8');
    await eventually('the backend to say so', () => log().includes(NO_HANDLES));
    broker.child.kill('SIGTERM');
    expect(await broker.ended()).toBe(0);
    expect(log().split('HandoffBackendWarning')).toHaveLength(2);
  });

  it('with koffi nothing is reported', async () => {
    const { broker, socketPath } = run({});
    await broker.printed('"message":"listening"');
    const status = JSON.parse(await statusOf(socketPath, '--json'));
    expect('limitation' in status.broker).toBe(!isLinux);
    broker.child.kill('SIGTERM');
    expect(await broker.ended()).toBe(0);
    expect(`${broker.stdout}${broker.stderr}`.includes(COST)).toBe(!isLinux);
  });
});
