import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePrivateDirectory } from '../../src/broker/files/checkPrivatePath';
import { compiled } from '../support/compiled';
import { errorOf } from '../support/errorOf';
import { itNeeds } from '../support/itNeeds';

/** Far longer than a refusal takes; what never returns is ended then. */
const TIMEOUT_MS = 60_000;

describe('a private directory that is missing', () => {
  let top: string;
  beforeEach(() => {
    top = mkdtempSync(join(tmpdir(), 'hc-make-'));
  });
  afterEach(() => rmSync(top, { recursive: true }));

  const messageFor = async (path: string): Promise<unknown> =>
    (await errorOf(async () => makePrivateDirectory(path))) as Error | undefined;

  it('is made with what is above it, for its owner alone', () => {
    const path = join(top, 'a', 'b', 'c');
    for (let time = 0; time < 2; time += 1) makePrivateDirectory(path);
    for (const made of [path, join(path, '..'), join(path, '..', '..')]) {
      expect(statSync(made).mode & 0o777).toBe(0o700);
    }
  });

  it('is refused where something else is, or a link leads nowhere', async () => {
    writeFileSync(join(top, 'file'), '');
    symlinkSync('nowhere', join(top, 'link'));
    mkdirSync(join(top, 'dir'));
    expect(await messageFor(join(top, 'file'))).toMatchObject({
      code: 'listenFailed',
      message: `${join(top, 'file')} is not a directory`,
    });
    for (const path of ['file/x', 'file/x/y', 'link', 'link/x', 'link/x/y']) {
      expect(await messageFor(join(top, path))).toMatchObject({
        name: 'BrokerError',
        code: 'listenFailed',
        message: expect.stringContaining(join(top, path)),
      });
    }
  });

  itNeeds('Linux', process.platform === 'linux')(
    'is refused where the system makes none, instead of trying for ever',
    () => {
      const file = compiled('src/broker/files/checkPrivatePath.ts');
      for (const path of ['/proc/none', '/proc/none/deep/er']) {
        const script = `require(${JSON.stringify(file)}).makePrivateDirectory(${JSON.stringify(path)})`;
        const { stderr, signal } = spawnSync(process.execPath, ['-e', script], { timeout: TIMEOUT_MS });
        expect(signal).toBeNull();
        expect(String(stderr)).toContain(`can't make the directory ${path}: `);
      }
    },
  );
});
