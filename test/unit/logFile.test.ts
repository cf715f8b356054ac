import { execFileSync } from 'node:child_process';
import fs, {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLogFile } from '../../src/broker/files/openLogFile';
import { asUser, canBecomeOthers } from '../support/asUser';
import { itNeeds } from '../support/itNeeds';

const ME = 1000;
const OTHER = 1001;
// What needs other users can only be run by root; it counts as not run elsewhere.
const itAsRoot = itNeeds('root', canBecomeOthers);

describe('a log file', () => {
  let top: string;

  beforeEach(() => {
    top = mkdtempSync(join(tmpdir(), 'hc-log-'));
    chmodSync(top, 0o755);
  });
  afterEach(() => {
    jest.restoreAllMocks();
    rmSync(top, { recursive: true });
  });

  const at = (path: string): string => join(top, path);
  function append(path: string, text: string): void {
    const fd = openLogFile(path);
    writeSync(fd, text);
    closeSync(fd);
  }
  function make(path: string, mode: number, uid: number): string {
    mkdirSync(at(path));
    chownSync(at(path), uid, uid);
    chmodSync(at(path), mode);
    return at(path);
  }
  function link(target: string, path: string, uid: number): string {
    symlinkSync(target, at(path));
    lchownSync(at(path), uid, uid);
    return at(path);
  }

  it('is created for its owner only, and appended to', () => {
    append(at('a.log'), 'one\n');
    append(at('a.log'), 'two\n');
    expect(readFileSync(at('a.log'), 'utf8')).toBe('one\ntwo\n');
    expect(statSync(at('a.log')).mode & 0o777).toBe(0o600);
  });

  it('can be reached by links of this user', () => {
    mkdirSync(at('real'));
    symlinkSync('real', at('link'));
    append(at('link/a.log'), 'one\n');
    symlinkSync('real/a.log', at('current.log'));
    append(at('current.log'), 'two\n');
    expect(readFileSync(at('real/a.log'), 'utf8')).toBe('one\ntwo\n');
    symlinkSync('real/new.log', at('new.log'));
    append(at('new.log'), 'made');
    expect(readFileSync(at('real/new.log'), 'utf8')).toBe('made');
  });

  it('that is a pipe is refused at once, with or without a reader', () => {
    const path = at('pipe');
    execFileSync('mkfifo', [path]);
    expect(() => openLogFile(path)).toThrow(`${path} is a pipe, not a file`);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    expect(() => openLogFile(path)).toThrow(`${path} is a pipe, not a file`);
    symlinkSync(path, at('link'));
    expect(() => openLogFile(at('link'))).toThrow('is a pipe, not a file');
    closeSync(reader);
  });

  it('that becomes a pipe while it is opened is refused without a wait', () => {
    const path = at('a.log');
    writeFileSync(path, '');
    const { openSync: open } = fs;
    jest.spyOn(fs, 'openSync').mockImplementationOnce(((...args: Parameters<typeof open>) => {
      rmSync(path);
      execFileSync('mkfifo', [path]);
      return open(...args);
    }) as typeof open);
    expect(() => openLogFile(path)).toThrow(/ENXIO|is a pipe/);
  });

  it.each(['/dev/zero', '/dev/full', '/dev/tty', '/dev'])('is not %s', (path) => {
    expect(() => openLogFile(path)).toThrow();
  });

  it('cannot be a directory or socket', async () => {
    expect(() => openLogFile(top)).toThrow(`${top} is a directory, not a file`);
    const server = createServer().listen(at('a.sock'));
    await new Promise((resolve) => server.once('listening', resolve));
    expect(() => openLogFile(at('a.sock'))).toThrow('is a socket, not a file');
    await new Promise((resolve) => server.close(resolve));
  });

  it('may be /dev/null, or a link to it', () => {
    append('/dev/null', 'away');
    symlinkSync('/dev/null', at('a.log'));
    append(at('a.log'), 'away');
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it("may be the broker's own output, which is not opened again", () => {
    expect(openLogFile('/dev/stdout')).toBe(1);
    expect(openLogFile('/dev/stderr')).toBe(2);
    expect(openLogFile('/dev/fd/1')).toBe(1);
    expect(openLogFile('/proc/self/fd/2')).toBe(2);
    symlinkSync('/dev/stdout', at('access.log'));
    expect(openLogFile(at('access.log'))).toBe(1);
  });

  it('in a missing directory is refused', () => {
    expect(() => openLogFile(at('none/a.log'))).toThrow(/ENOENT.*none/);
  });

  itAsRoot("is reached by no link of somebody else's", () => {
    make('mine', 0o755, ME);
    writeFileSync(at('mine/precious'), 'precious');
    chownSync(at('mine/precious'), ME, ME);
    make('sticky', 0o1777, 0);
    make('open', 0o777, ME);
    make('theirs', 0o755, OTHER);
    const links = [
      link(at('mine/precious'), 'sticky/a.log', OTHER),
      link(at('mine/new'), 'sticky/new.log', OTHER),
      // Whoever may write there could have made it.
      link(at('mine/precious'), 'open/a.log', ME),
      link(at('mine/precious'), 'theirs/a.log', OTHER),
      join(link(at('mine'), 'sticky/directory', OTHER), 'precious'),
      link(at('sticky/a.log'), 'mine/link', ME),
    ];
    for (const path of links) {
      expect(() => asUser(ME, ME, () => openLogFile(path))).toThrow(
        'a link that another user could have made',
      );
      expect(() => openLogFile(path)).toThrow('another user could have');
    }
    expect(readFileSync(at('mine/precious'), 'utf8')).toBe('precious');
    expect(existsSync(at('mine/new'))).toBe(false);
    asUser(ME, ME, () => append(link(at('mine/precious'), 'sticky/mine.log', ME), ' and mine'));
    expect(readFileSync(at('mine/precious'), 'utf8')).toBe('precious and mine');
  });

  itAsRoot('is no file that somebody else has put there', () => {
    make('sticky', 0o1777, 0);
    writeFileSync(at('sticky/theirs.log'), '');
    chownSync(at('sticky/theirs.log'), OTHER, OTHER);
    chmodSync(at('sticky/theirs.log'), 0o666);
    const refused = (path: string): unknown =>
      expect(() => asUser(ME, ME, () => openLogFile(at(path)))).toThrow('another user could have put there');
    refused('sticky/theirs.log');
    make('mine', 0o755, ME);
    writeFileSync(at('mine/precious'), '');
    chownSync(at('mine/precious'), ME, ME);
    linkSync(at('mine/precious'), at('sticky/hard.log'));
    refused('sticky/hard.log');
    asUser(ME, ME, () => append(at('sticky/own.log'), 'fine'));
    // A group of its own that administers logs is fine, as Ubuntu has it for /var/log.
    make('log', 0o775, 0);
    chownSync(at('log'), 0, 2000);
    make('log/app', 0o755, ME);
    asUser(ME, ME, () => append(at('log/app/a.log'), 'fine'));
  });

  itAsRoot('is not reached by a link that comes while it is opened', () => {
    const open = make('open', 0o777, ME);
    make('open/logs', 0o755, ME);
    make('mine', 0o755, ME);
    for (const path of ['open/logs/a.log', 'mine/a.log']) {
      writeFileSync(at(path), '');
      chownSync(at(path), ME, ME);
    }
    const { openSync: original } = fs;
    jest.spyOn(fs, 'openSync').mockImplementationOnce(((...args: Parameters<typeof original>) => {
      renameSync(join(open, 'logs'), join(open, 'moved'));
      symlinkSync(at('mine'), join(open, 'logs'));
      return original(...args);
    }) as typeof original);
    expect(() => asUser(ME, ME, () => openLogFile(at('open/logs/a.log')))).toThrow(
      'another user could have made',
    );
  });
});
