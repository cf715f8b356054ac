import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTextFile } from '../../src/cli/broker/readTextFile';

const BOUNDS = { maxBytes: 100_000, timeoutMs: 60_000 };

describe('a text file', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'hc-text-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const write = (name: string, content: string | Buffer): string => {
    const path = join(directory, name);
    writeFileSync(path, content);
    return path;
  };
  const pipe = (): string => {
    const path = join(directory, 'pipe');
    execFileSync('mkfifo', [path]);
    return path;
  };

  it('is read, through links too, without a byte-order mark', async () => {
    write('..data', '\uFEFFtext ✓');
    symlinkSync('..data', join(directory, 'file'));
    expect(await readTextFile(join(directory, 'file'), BOUNDS)).toBe('text ✓');
    expect(await readTextFile(write('empty', ''), BOUNDS)).toBe('');
    const long = 'x'.repeat(BOUNDS.maxBytes);
    expect(await readTextFile(write('long', long), BOUNDS)).toBe(long);
  });

  it('may be a pipe with a late and slow writer', async () => {
    const path = pipe();
    const reading = readTextFile(path, BOUNDS);
    const writer = spawn('sh', ['-c', 'exec > "$0"; echo one; read -r _; echo two', path], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    writer.stdin.end('\n');
    expect(await reading).toBe('one\ntwo\n');
    if (writer.exitCode === null) await once(writer, 'exit');
  });

  it.each([
    ['that nobody writes to', false],
    ['whose writer never ends', true],
  ])('is given up in time where it is a pipe %s', async (_, isHeld) => {
    const path = pipe();
    const holder = isHeld ? await open(path, 'r+') : undefined;
    await holder?.write('begun');
    await expect(readTextFile(path, { ...BOUNDS, timeoutMs: 50 })).rejects.toThrow(
      `${path} did not end within 50 ms`,
    );
    await holder?.close();
  });

  it.each([
    ['/dev/zero', 'has more than'],
    ['/', '/ is a directory'],
    ['/nowhere', 'ENOENT'],
  ])('is not %s', async (path, why) => {
    await expect(readTextFile(path, BOUNDS)).rejects.toThrow(why);
  });

  it('is empty at once where it is a device that has ended', async () => {
    expect(await readTextFile('/dev/null', BOUNDS)).toBe('');
  });

  it('is refused if it is too long, or not text', async () => {
    await expect(readTextFile(write('long', 'x'.repeat(BOUNDS.maxBytes + 1)), BOUNDS)).rejects.toThrow(
      'has more than 100000 bytes',
    );
    await expect(readTextFile(write('binary', Buffer.from([0xff, 0xfe, 0x7b])), BOUNDS)).rejects.toThrow(
      'is not text in UTF-8',
    );
  });
});
