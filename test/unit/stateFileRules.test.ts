import fs, {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { BrokerWarning } from '../../src/broker';
import { MAX_STATE_FILE_BYTES, StateFile } from '../../src/broker/state/StateFile';

const WAYS = ['writeSync', 'write'] as const;
let directory = '';
let warnings: BrokerWarning[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'state-rules-'));
  warnings = [];
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(directory, { recursive: true, force: true });
});

function parse(value: unknown): unknown {
  if (value === 'refused') throw new RangeError('not this one');
  return value;
}

/** The system gives the lowest that is free. */
function nextDescriptor(): number {
  const descriptor = fs.openSync(directory, 'r');
  fs.closeSync(descriptor);
  return descriptor;
}

const path = (name: string): string => join(directory, name);
const open = (name = 'state.json'): StateFile<unknown> =>
  new StateFile(path(name), parse, (warning) => warnings.push(warning));

describe('a state file in one process', () => {
  it('returns what was written last, by either way of writing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.constantFrom(...WAYS), async (value, way) => {
        await open()[way](value);
        expect(JSON.stringify(open().read())).toBe(JSON.stringify(value));
      }),
      { numRuns: 30 },
    );
    expect(warnings).toEqual([]);
    expect(readdirSync(directory)).toEqual(['state.json']);
  });

  it.each(WAYS)('is for its owner alone after %s, whatever the process\u2019s mask', async (way) => {
    const mask = process.umask(0o277);
    try {
      await open()[way]({ text: 'new' });
    } finally {
      process.umask(mask);
    }
    expect(statSync(path('state.json')).mode & 0o777).toBe(0o600);
  });

  it.each(WAYS)('is refused by %s beyond its size, and is as it was', async (way) => {
    const file = open();
    await file[way]('old');
    // Two more for the quotes.
    await expect((async () => file[way]('x'.repeat(MAX_STATE_FILE_BYTES - 1)))()).rejects.toThrow(
      `it has ${MAX_STATE_FILE_BYTES + 1} bytes; the limit is 16777216`,
    );
    expect(file.read()).toBe('old');
    await file[way]('x'.repeat(MAX_STATE_FILE_BYTES - 2));
    expect(statSync(path('state.json')).size).toBe(MAX_STATE_FILE_BYTES);
    expect(file.read()).toHaveLength(MAX_STATE_FILE_BYTES - 2);
    expect(warnings).toEqual([]);
  });

  it.each(WAYS)('that %s cannot bring into its place throws, and leaves nothing beside it', async (way) => {
    mkdirSync(path('state.json'));
    await expect((async () => open()[way]('new'))()).rejects.toMatchObject({ code: 'EISDIR' });
    expect(readdirSync(directory)).toEqual(['state.json']);
  });

  it.each(WAYS)('is written by %s where a killed writer left a link for it to follow', async (way) => {
    writeFileSync(path('victim'), 'untouched');
    symlinkSync(path('victim'), path('state.json.new'));
    await open()[way]('new');
    expect(readFileSync(path('victim'), 'utf8')).toBe('untouched');
    expect(open().read()).toBe('new');
  });

  it('is written in several parts if the system writes partially', () => {
    const { writeSync } = fs;
    jest
      .spyOn(fs, 'writeSync')
      .mockImplementation(((fd: number, bytes: Buffer, at: number) =>
        writeSync(fd, bytes, at, Math.min(3, bytes.length - at))) as never);
    open().writeSync('a text of many parts');
    expect(open().read()).toBe('a text of many parts');
  });

  it('is synced before the rename, and its folder after it', () => {
    const calls: string[] = [];
    for (const name of ['fsyncSync', 'renameSync', 'closeSync'] as const) {
      const real = fs[name] as (...args: unknown[]) => void;
      jest.spyOn(fs, name).mockImplementation((...args: unknown[]) => {
        calls.push(name);
        real(...args);
      });
    }
    open().writeSync('new');
    expect(calls).toEqual(['fsyncSync', 'closeSync', 'renameSync', 'fsyncSync', 'closeSync']);
  });

  it.each([
    ['EINVAL', false],
    ['EIO', true],
  ])('whose folder answers %s to a sync is an error: %p', (code, isError) => {
    const { fsyncSync } = fs;
    jest.spyOn(fs, 'fsyncSync').mockImplementation((fd) => {
      if (fs.fstatSync(fd).isDirectory()) throw Object.assign(new Error(code), { code });
      fsyncSync(fd);
    });
    const write = (): void => open().writeSync('new');
    if (isError) expect(write).toThrow(code);
    else expect(write).not.toThrow();
    expect(open().read()).toBe('new');
  });

  it('is undefined before it is written, without a warning', () => {
    expect(open().read()).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  it('loses the temporary file of a killed writer when it is read', () => {
    writeFileSync(path('state.json.new'), '"half');
    expect(open().read()).toBeUndefined();
    expect(readdirSync(directory)).toEqual([]);
  });

  it.each([
    ['text that is no JSON', (name: string) => writeFileSync(name, '{"half'), 'JSON'],
    ['a value that its owner refuses', (name: string) => writeFileSync(name, '"refused"'), 'not this one'],
    ['a folder', (name: string) => mkdirSync(name), "it's not a file"],
    [
      'more than it may',
      (name: string) => {
        writeFileSync(name, '');
        truncateSync(name, MAX_STATE_FILE_BYTES + 1);
      },
      `it has ${MAX_STATE_FILE_BYTES + 1} bytes`,
    ],
    ['a link', (name: string) => symlinkSync('elsewhere', name), 'ELOOP'],
  ])('is set aside with a warning if it holds %s', (_, put, reason) => {
    put(path('state.json'));
    expect(open().read()).toBeUndefined();
    expect(readdirSync(directory)).toEqual(['state.json.damaged']);
    const message = expect.stringContaining(
      `${path('state.json')} is damaged and was set aside as state.json.damaged: `,
    );
    expect(warnings).toEqual([{ code: 'stateDamaged', message, cause: expect.anything() }]);
    for (const { message: text, cause } of warnings) expect(text).toContain((cause as Error).message);
    expect(warnings[0]?.message).toContain(reason);
    expect(open().read()).toBeUndefined();
    expect(warnings).toHaveLength(1);
  });

  it('that cannot be set aside is reported', () => {
    writeFileSync(path('state.json'), '{');
    mkdirSync(path('state.json.damaged'));
    expect(open().read()).toBeUndefined();
    expect(warnings[0]?.message).toMatch(
      /is damaged and can't be set aside as state\.json\.damaged \(EISDIR.*\): /,
    );
    expect(existsSync(path('state.json'))).toBe(true);
  });

  describe('written without blocking', () => {
    interface Handle {
      sync(): Promise<void>;
      stat(): Promise<fs.Stats>;
    }
    async function prototypeOfHandles(): Promise<Handle> {
      const handle = await openFile(directory, 'r');
      await handle.close();
      return Object.getPrototypeOf(handle);
    }

    it('is synced, and so is its folder, and nothing stays open', async () => {
      const prototype = await prototypeOfHandles();
      const syncs = jest.spyOn(prototype, 'sync');
      const before = nextDescriptor();
      await open().write('new');
      expect(syncs).toHaveBeenCalledTimes(2);
      expect(nextDescriptor()).toBe(before);
    });

    it.each([
      ['EINVAL', false],
      ['EIO', true],
    ])('where its folder answers %s to a sync is an error: %p', async (code, isError) => {
      const prototype = await prototypeOfHandles();
      const { sync } = prototype;
      jest.spyOn(prototype, 'sync').mockImplementation(async function (this: Handle) {
        if ((await this.stat()).isDirectory()) throw Object.assign(new Error(code), { code });
        await sync.call(this);
      });
      const written = open().write('new');
      if (isError) await expect(written).rejects.toThrow(code);
      else await written;
      expect(open().read()).toBe('new');
    });
  });

  it.each(WAYS)('in a folder that is gone says so after %s, by what could not be opened', async (way) => {
    rmSync(directory, { recursive: true });
    await expect((async () => open()[way]('new'))()).rejects.toMatchObject({
      code: 'ENOENT',
      syscall: 'open',
    });
  });

  it('is closed after reading, whatever its content', () => {
    const closes = jest.spyOn(fs, 'closeSync');
    const opens = jest.spyOn(fs, 'openSync');
    writeFileSync(path('state.json'), '1');
    open().read();
    mkdirSync(path('folder'));
    open('folder').read();
    expect(closes.mock.calls.flat()).toEqual(opens.mock.results.map(({ value }) => value));
    expect(opens).toHaveBeenCalledTimes(2);
  });
});
