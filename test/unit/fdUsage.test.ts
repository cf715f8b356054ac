import { execFileSync } from 'node:child_process';
import fs, { closeSync, openSync } from 'node:fs';
import { openFdCount, softFdLimit } from '../../src/net/fdUsage';
import { isDescriptorShortage } from '../../src/net/isDescriptorShortage';
import { itNeeds } from '../support/itNeeds';

const isLinux = process.platform === 'linux';

function withLimits(text: string): number | undefined {
  const read = jest.spyOn(fs, 'readFileSync').mockReturnValue(text);
  try {
    return softFdLimit();
  } finally {
    expect(read).toHaveBeenCalledWith('/proc/self/limits', 'utf8');
    read.mockRestore();
  }
}

describe('the use of descriptors', () => {
  itNeeds('Linux', isLinux)('is what the system says', () => {
    expect(String(softFdLimit() ?? 'unlimited')).toBe(
      execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim(),
    );
    const before = openFdCount() ?? Number.NaN;
    const fds = Array.from({ length: 10 }, () => openSync('/dev/null', 'r'));
    const after = openFdCount();
    fds.forEach(closeSync);
    expect(after).toBe(before + 10);
  });

  it('has the soft limit, the first number in its line', () => {
    expect(withLimits('Max processes 7 8 processes\nMax open files            1024   524288   files\n')).toBe(
      1024,
    );
    expect(withLimits('Max open files            unlimited   unlimited   files\n')).toBeUndefined();
    expect(withLimits('Not Max open files 3\n')).toBeUndefined();
    expect(withLimits('')).toBeUndefined();
  });

  it('is undefined if it cannot be read', () => {
    const missing = (): never => {
      throw new Error('ENOENT');
    };
    const read = jest.spyOn(fs, 'readFileSync').mockImplementation(missing);
    const list = jest.spyOn(fs, 'readdirSync').mockImplementation(missing);
    try {
      expect(softFdLimit()).toBeUndefined();
      expect(openFdCount()).toBeUndefined();
    } finally {
      read.mockRestore();
      list.mockRestore();
    }
  });
});

describe('a shortage of descriptors', () => {
  const coded = (code: string, cause?: unknown): Error =>
    Object.assign(new Error(code, cause === undefined ? undefined : { cause }), { code });

  it.each(['EMFILE', 'ENFILE', 'ETOOMANYREFS'])('is %s, or an error caused by it', (code) => {
    expect(isDescriptorShortage(coded(code))).toBe(true);
    expect(isDescriptorShortage(new Error('later', { cause: coded('EOTHER', coded(code)) }))).toBe(true);
  });

  it.each([undefined, 'EMFILE', { code: 'EMFILE' }, new Error('EMFILE'), coded('EACCES')])(
    'is not %p',
    (error) => expect(isDescriptorShortage(error)).toBe(false),
  );

  it('is looked for among eight causes, also where an error is its own', () => {
    const caused = (times: number): Error => {
      let error = coded('EMFILE');
      for (let i = 0; i < times; i += 1) error = new Error('later', { cause: error });
      return error;
    };
    expect(isDescriptorShortage(caused(7))).toBe(true);
    expect(isDescriptorShortage(caused(8))).toBe(false);
    const own: { cause?: unknown } = new Error('again');
    own.cause = own;
    expect(isDescriptorShortage(own)).toBe(false);
  });
});
