import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrokerWarning } from '../../src/broker';
import { inTurn } from '../../src/broker/backends/inTurn';
import { MAX_STATE_FILE_BYTES, StateFile } from '../../src/broker/state/StateFile';
import { compiled } from '../support/compiled';

const WRITER = compiled('test/fixtures/killedWriter.ts');
const OLD = { text: 'old' };
const NEW = { text: 'new'.repeat(20_000) };

describe('a state file', () => {
  let directory: string;
  let path: string;
  let warnings: BrokerWarning[];
  let file: StateFile<unknown>;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'hc-state-'));
    path = join(directory, 'manifest.json');
    warnings = [];
    file = new StateFile(
      path,
      (value) => value,
      (warning) => warnings.push(warning),
    );
  });
  afterEach(() => {
    jest.restoreAllMocks();
    rmSync(directory, { recursive: true });
  });

  describe.each(['sync', 'async'])('written %s', (way) => {
    async function run(at: string, step: number, when: string): Promise<{ out: string; signal: unknown }> {
      const child = spawn(process.execPath, [WRITER, at, JSON.stringify(NEW), way, String(step), when], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let out = '';
      child.stdout.on('data', (chunk) => {
        out += chunk;
      });
      const [, signal] = await once(child, 'close');
      return { out, signal };
    }

    it('is the old or the new one at whatever step its writer is killed, and the new one after the rename', async () => {
      const steps = JSON.parse((await run(path, 0, '')).out) as string[];
      const rename = steps.findIndex((name) => name.startsWith('rename'));
      // What is in the file is on disk before it takes the other's place, and its name is before the write is over.
      const isSync = (name: string): boolean => /sync/.test(name.replace(/Sync$/, ''));
      expect(steps.slice(0, rename).filter(isSync)).toHaveLength(1);
      expect(steps.slice(rename).filter(isSync)).toHaveLength(1);
      const ends = steps.flatMap((name, index) =>
        ['before', 'after', ...(name === 'writeSync' ? ['middle'] : [])].map((when) => ({ index, when })),
      );
      expect(ends.length).toBeGreaterThan(15);
      await inTurn(ends, 2, async ({ index, when }) => {
        const own = join(directory, `${index}-${when}`);
        mkdirSync(own);
        const at = join(own, 'manifest.json');
        writeFileSync(at, JSON.stringify(OLD));
        expect(await run(at, index + 1, when)).toEqual({ out: '', signal: 'SIGKILL' });
        const read = new StateFile(
          at,
          (value) => value,
          (warning) => warnings.push(warning),
        ).read();
        const isNew = index > rename || (index === rename && when === 'after');
        expect({ index, when, read }).toEqual({ index, when, read: isNew ? NEW : OLD });
        expect(existsSync(`${at}.new`)).toBe(false);
      });
      expect(warnings).toEqual([]);
    });
  });

  it('is complete even if the system writes only a part each time', () => {
    const { writeSync } = fs;
    jest
      .spyOn(fs, 'writeSync')
      .mockImplementation(((fd: number, bytes: Buffer, at: number) =>
        writeSync(fd, bytes, at, Math.min(1000, bytes.length - at))) as typeof fs.writeSync);
    file.writeSync(NEW);
    expect(file.read()).toEqual(NEW);
  });

  it('is unchanged when the disk is full', async () => {
    file.writeSync(OLD);
    const noSpace = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    jest.spyOn(fs, 'fsyncSync').mockImplementation(() => {
      throw noSpace;
    });
    expect(() => file.writeSync(NEW)).toThrow(noSpace);
    jest.spyOn(fs.promises, 'rename').mockRejectedValue(noSpace);
    await expect(file.write(NEW)).rejects.toBe(noSpace);
    expect(existsSync(`${path}.new`)).toBe(false);
    expect(file.read()).toEqual(OLD);
  });

  it('is not written if it would be too long to be read again', async () => {
    file.writeSync(OLD);
    const huge = 'x'.repeat(MAX_STATE_FILE_BYTES);
    expect(() => file.writeSync(huge)).toThrow(String(MAX_STATE_FILE_BYTES));
    await expect(file.write(huge)).rejects.toThrow(String(MAX_STATE_FILE_BYTES));
    expect(file.read()).toEqual(OLD);
  });

  it.each<[string, () => void]>([
    ['a pipe', () => execFileSync('mkfifo', [path])],
    ['a directory', () => mkdirSync(path)],
    [
      'a link',
      () => {
        writeFileSync(join(directory, 'elsewhere'), JSON.stringify(OLD));
        symlinkSync('elsewhere', path);
      },
    ],
    ['a link to a device', () => symlinkSync('/dev/zero', path)],
    ['a link that leads nowhere', () => symlinkSync('nowhere', path)],
    ['huge', () => [writeFileSync(path, ''), truncateSync(path, 8_000_000_000)]],
    ['not JSON', () => writeFileSync(path, '{"version":')],
    ['not text', () => writeFileSync(path, Buffer.from([0xff, 0xfe, 0]))],
  ])('is set aside at once if it is %s, and can be written again', (_, make) => {
    make();
    expect(file.read()).toBeUndefined();
    expect(warnings).toMatchObject([
      { code: 'stateDamaged', message: expect.stringContaining('manifest.json.damaged') },
    ]);
    file.writeSync(OLD);
    expect(file.read()).toEqual(OLD);
    const elsewhere = join(directory, 'elsewhere');
    if (existsSync(elsewhere)) expect(readFileSync(elsewhere, 'utf8')).toBe(JSON.stringify(OLD));
  });

  it.each<[string, (next: string) => void]>([
    ['a pipe', (next) => execFileSync('mkfifo', [next])],
    ['a link', (next) => symlinkSync(join(directory, 'elsewhere'), next)],
  ])('is not written through %s in its place', async (_, make) => {
    writeFileSync(join(directory, 'elsewhere'), 'untouched');
    make(`${path}.new`);
    file.writeSync(OLD);
    make(`${path}.new`);
    await file.write(NEW);
    expect(file.read()).toEqual(NEW);
    expect(readFileSync(join(directory, 'elsewhere'), 'utf8')).toBe('untouched');
  });
});
