import { spawnSync } from 'node:child_process';
import fs, { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { BrokerOptions, BrokerWarning } from '../../src/broker';
import { eventually } from '../support/eventually';
import { describeNeeds } from '../support/itNeeds';
import { requirePid } from '../support/requirePid';
import { fixtureService, TestBrokers } from './support/TestBrokers';

const LOOKS = 12;

function mount(path: string): boolean {
  mkdirSync(path, { mode: 0o700 });
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'none', path]).status === 0;
}

function canMount(): boolean {
  const path = fs.mkdtempSync('/tmp/hc-mount-');
  const isMounted = mount(join(path, 'disk'));
  if (isMounted) spawnSync('umount', [join(path, 'disk')]);
  rmSync(path, { recursive: true });
  return isMounted;
}

// Where nothing can be mounted it counts as not run.
const describeWithDisk = describeNeeds(
  'a disk that can be mounted',
  process.platform === 'linux' && canMount(),
);

describeWithDisk('a disk that is full', () => {
  const brokers = new TestBrokers();
  let directory: string;
  let disk: string;
  let options: Partial<BrokerOptions>;

  beforeEach(() => {
    directory = fs.mkdtempSync('/tmp/hc-disk-');
    disk = join(directory, 'disk');
    mount(disk);
    options = { stateDirectory: join(disk, 'state') };
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await brokers.stopBrokers();
    spawnSync('umount', ['-l', disk]);
    rmSync(directory, { recursive: true });
    expect(await brokers.stop()).toEqual([]);
  });

  const manifest = (): string => readFileSync(join(disk, 'state', 'manifest.json'), 'utf8');
  function fill(): void {
    const fd = fs.openSync(join(disk, 'fill'), 'w');
    try {
      for (;;) writeSync(fd, Buffer.alloc(4096));
    } catch {
      // Now it is.
    } finally {
      fs.closeSync(fd);
    }
  }

  it('keeps a broker from starting a process that it cannot record', async () => {
    await (await brokers.start(options)).stop();
    const marker = brokers.path('marker');
    fill();
    await expect(
      brokers.start({ ...options, services: [fixtureService('echo', { marker, logFile: '/dev/null' })] }),
    ).rejects.toMatchObject({ code: 'stateNotWritten', message: expect.stringContaining('echo@1.0.0') });
    expect(existsSync(marker)).toBe(false);
    expect(JSON.parse(manifest())).toEqual({ version: 1, backends: [] });
  });

  it('causes a warning when it begins and when it ends, and no start in between', async () => {
    const marker = brokers.path('marker');
    const broker = await brokers.start({
      ...options,
      services: [fixtureService('echo', { marker, logFile: '/dev/null' })],
    });
    const warnings: BrokerWarning[] = [];
    broker.on('warning', (warning) => warnings.push(warning));
    const before = manifest();
    fill();
    rmSync(marker);
    const written = jest.spyOn(fs, 'openSync');
    const tries = (): number =>
      written.mock.calls.filter(([path]) => String(path).endsWith('manifest.json.new')).length;
    const ended = new Promise((resolve) => broker.once('backendExit', resolve));
    process.kill(requirePid(broker.backends()[0]?.pid), 'SIGKILL');
    await ended;
    await eventually('the broker has tried often', () => tries() >= LOOKS);
    expect(warnings).toMatchObject([{ code: 'stateNotWritten', message: expect.stringContaining('ENOSPC') }]);
    expect(broker.backends()).toMatchObject([{ process: 'restarting' }]);
    expect(existsSync(marker)).toBe(false);
    expect(manifest()).toBe(before);

    const ready = new Promise((resolve) => broker.once('backendReady', resolve));
    rmSync(join(disk, 'fill'));
    await ready;
    expect(warnings.map(({ code }) => code)).toEqual(['stateNotWritten', 'stateWritten']);
    expect(JSON.parse(manifest()).backends).toEqual(broker.adoptableBackends());
    writeFileSync(join(disk, 'fill'), '');
  });
});
