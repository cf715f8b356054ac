import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { checkPrivateDirectory, makePrivateDirectory } from '../../src/broker/files/checkPrivatePath';
import { asUser, canBecomeOthers } from '../support/asUser';
import { compiled } from '../support/compiled';
import { describeNeeds, itNeeds } from '../support/itNeeds';
import { plainEnvironment } from '../support/plainEnvironment';

const ME = 1000;
const OTHER = 1001;
const SHARED_GROUP = 2000;

// What needs other users can only be run by root; it counts as not run elsewhere.
const describeAsRoot = describeNeeds('root', canBecomeOthers);

describeAsRoot('a private directory', () => {
  let top: string;

  beforeEach(() => {
    top = mkdtempSync(join(tmpdir(), 'hc-ancestors-'));
    chmodSync(top, 0o755);
  });
  afterEach(() => rmSync(top, { recursive: true }));

  function make(path: string, mode: number, uid = ME, gid = uid): string {
    const full = join(top, path);
    mkdirSync(full);
    chownSync(full, uid, gid);
    chmodSync(full, mode);
    return full;
  }
  const check = (path: string, uid = ME, gid = uid): string[] =>
    asUser(uid, gid, () => checkPrivateDirectory(path));
  const refused = (message: string | RegExp): object =>
    expect.objectContaining({
      code: 'unsafePermissions',
      message:
        typeof message === 'string' ? expect.stringContaining(message) : expect.stringMatching(message),
    });
  const errorOf = (path: string, uid = ME, gid = uid): unknown => {
    try {
      return check(path, uid, gid);
    } catch (error) {
      return error;
    }
  };

  it.each<[string, number, number, number]>([
    ['belongs to somebody else', 0o755, OTHER, OTHER],
    ['belongs to somebody else who has left himself no right', 0o555, OTHER, OTHER],
    ['can be written by everybody', 0o777, ME, ME],
    ["is root's and can be written by everybody", 0o777, 0, 0],
    ['can be written by a group that is not the own one', 0o775, ME, SHARED_GROUP],
    ["is root's and can be written by root's group", 0o775, 0, 0],
    ['is sticky and belongs to somebody else', 0o1777, OTHER, OTHER],
  ])('is refused below one that %s', (_, mode, uid, gid) => {
    make('above', mode, uid, gid);
    make('above/own', 0o755);
    const path = make('above/own/private', 0o700);
    expect(errorOf(path)).toEqual(refused(join(top, 'above')));
  });

  it.each<[string, number, number, number]>([
    ["is root's", 0o755, 0, 0],
    ['is sticky, whoever may write', 0o1777, 0, 0],
    ['is sticky and of the own user', 0o1777, ME, ME],
    ['is open for reading', 0o755, ME, ME],
    ['can be written, but not searched, by others', 0o722, ME, ME],
    ["can be written by the user's own private group", 0o775, ME, ME],
  ])('is fine below one that %s', (_, mode, uid, gid) => {
    make('above', mode, uid, gid);
    make('above/own', 0o755);
    expect(check(make('above/own/private', 0o700))).toEqual([]);
  });

  it('gets a warning if a shared group of the user can write above', () => {
    make('above', 0o775, ME, SHARED_GROUP);
    const path = make('above/private', 0o700, ME, SHARED_GROUP);
    expect(check(path, ME, SHARED_GROUP)).toEqual([
      expect.stringMatching(new RegExp(`group ${SHARED_GROUP} .* ${join(top, 'above')}:`)),
    ]);
  });

  it.each<[string, number, number, number]>([
    ['everybody', 0o700, 0o777, SHARED_GROUP],
    ['a group', 0o700, 0o770, SHARED_GROUP],
    ['everybody, and only the own group can search above', 0o750, 0o777, ME],
  ])('is accepted if others cannot reach what %s can write', (_, above, below, gid) => {
    make('home', above);
    make('home/project', below, ME, gid);
    expect(check(make('home/project/private', 0o700))).toEqual([]);
  });

  it('is accepted below a directory of another user who cannot reach it', () => {
    make('home', 0o700);
    make('home/foreign', 0o777, OTHER);
    expect(check(make('home/foreign/private', 0o700))).toEqual([]);
  });

  it('is refused if those who can write can also search above', () => {
    make('home', 0o750, ME, SHARED_GROUP);
    make('home/project', 0o770, ME, SHARED_GROUP);
    expect(errorOf(make('home/project/private', 0o700))).toEqual(refused('home/project'));
  });

  it('is refused if everybody can write and members of a group can reach it', () => {
    make('home', 0o710, ME, SHARED_GROUP);
    make('home/project', 0o777, ME);
    expect(errorOf(make('home/project/private', 0o700))).toEqual(refused('home/project'));
  });

  describe('that a link leads to', () => {
    const link = (target: string, path: string, uid = ME): string => {
      symlinkSync(target, join(top, path));
      lchownSync(join(top, path), uid, uid);
      return join(top, path);
    };

    it('is accepted if nobody else can change link or target', () => {
      make('one', 0o755);
      make('two', 0o755);
      make('two/private', 0o700);
      expect(check(link('../two/private', 'one/link'))).toEqual([]);
      expect(check(join(link(join(top, 'two'), 'one/absolute'), 'private'))).toEqual([]);
      expect(check(`${top}/one/absolute/../two/private`)).toEqual([]);
    });

    it('is refused if another user can change the link', () => {
      make('two', 0o755);
      make('two/private', 0o700);
      make('one', 0o777);
      const path = link('../two/private', 'one/link');
      expect(errorOf(path)).toEqual(refused(join(top, 'one')));
    });

    it('is refused if another user can change a directory on the way of the link', () => {
      make('open', 0o777);
      make('open/private', 0o700);
      make('one', 0o755);
      expect(errorOf(link('../open/private', 'one/link'))).toEqual(refused(join(top, 'open')));
    });

    it('is refused if the link in a sticky directory belongs to another user', () => {
      make('two', 0o755);
      make('two/private', 0o700);
      make('sticky', 0o1777, 0);
      expect(errorOf(link('../two/private', 'sticky/link', OTHER))).toEqual(refused('sticky/link'));
      expect(check(link('../two/private', 'sticky/mine', ME))).toEqual([]);
    });

    it('resolves dots after a link as the system does', () => {
      make('safe', 0o755);
      make('safe/private', 0o700);
      make('open', 0o777);
      make('open/inner', 0o755);
      make('open/private', 0o700);
      link('../open/inner', 'safe/inner');
      // Read as text it would be `safe/private`.
      expect(errorOf(`${top}/safe/inner/../private`)).toEqual(refused(join(top, 'open')));
    });

    it('is refused if links form a cycle', () => {
      make('one', 0o755);
      link('b', 'one/a');
      link('a', 'one/b');
      expect(errorOf(join(top, 'one/a/private'))).toMatchObject({ code: 'listenFailed' });
    });
  });

  it.each([
    ['is not the own', 0o700, OTHER],
    ["is root's", 0o700, 0],
    ['others can enter', 0o711, ME],
    ['others can read', 0o744, ME],
    ['the own group can enter', 0o750, ME],
  ])('is refused when it %s', (_, mode, uid) => {
    expect(errorOf(make('private', mode, uid))).toMatchObject({ code: 'unsafePermissions' });
  });

  it('accepts the usual directories', () => {
    const runtime = '/run/user/4242';
    const isNew = !existsSync(dirname(runtime));
    mkdirSync(runtime, { recursive: true });
    chownSync(runtime, ME, ME);
    chmodSync(runtime, 0o700);
    try {
      expect(check(runtime)).toEqual([]);
    } finally {
      rmSync(isNew ? dirname(runtime) : runtime, { recursive: true });
    }
    const temporary = asUser(ME, ME, () => mkdtempSync('/tmp/hc-private-'));
    try {
      expect(check(temporary)).toEqual([]);
    } finally {
      rmSync(temporary, { recursive: true });
    }
  });

  it('is not created through a link of another user', () => {
    make('sticky', 0o1777, 0);
    make('mine', 0o755);
    symlinkSync(join(top, 'mine'), join(top, 'sticky', 'link'));
    lchownSync(join(top, 'sticky', 'link'), OTHER, OTHER);
    expect(() => asUser(ME, ME, () => makePrivateDirectory(join(top, 'sticky', 'link', 'a', 'b')))).toThrow(
      'sticky/link',
    );
    expect(readdirSync(join(top, 'mine'))).toEqual([]);
    asUser(ME, ME, () => makePrivateDirectory(join(top, 'sticky', 'a', 'b')));
  });

  const checker = compiled('src/broker/files/checkPrivatePath.ts');
  const asNobodySpecial = [`--reuid=${ME}`, `--regid=${ME}`, '--clear-groups', 'unshare'];
  const canUnshare =
    canBecomeOthers && spawnSync('setpriv', [...asNobodySpecial, '-Ur', 'test', '-r', checker]).status === 0;
  const itInNamespace = itNeeds('root, setpriv and user namespaces', canUnshare);

  describe('in a user namespace, where root has no number', () => {
    // Straight in the system's directory for temporary files: in there, one of root's could be anybody's.
    beforeEach(() => {
      const { HANDOFF_TEST_RUN = '' } = process.env;
      rmSync(top, { recursive: true });
      top = mkdtempSync(join(dirname(HANDOFF_TEST_RUN), 'hc-ancestors-'));
      chmodSync(top, 0o755);
    });

    const program = `
      const { checkPrivateDirectory } = require(${JSON.stringify(checker)});
      console.log(JSON.stringify(process.argv.slice(1).map((path) => {
        try { return checkPrivateDirectory(path); } catch (error) { return error.code + ' ' + error.message; }
      })));`;
    const checkThere = (flags: string, ...paths: string[]): unknown[] =>
      JSON.parse(
        execFileSync('setpriv', [...asNobodySpecial, flags, process.execPath, '-e', program, ...paths], {
          encoding: 'utf8',
          env: plainEnvironment(),
        }),
      ) as unknown[];

    for (const flags of ['-Ur', '-Uc']) {
      itInNamespace(`is fine below what is root’s, and refused elsewhere (unshare ${flags})`, () => {
        // Root's, and so where anybody could have made it, if it was seen from there.
        chownSync(top, ME, ME);
        make('above', 0o755, 0);
        const own = make('above/private', 0o700);
        make('open', 0o777, 0);
        const open = make('open/private', 0o700);
        make('sticky', 0o1777, 0);
        const inSticky = make('sticky/private', 0o700);
        make('sticky/foreign', 0o755, OTHER);
        const inForeign = make('sticky/foreign/private', 0o700);
        const foreign = make('foreign', 0o700, 0);
        expect(checkThere(flags, own, inSticky, open, inForeign, foreign)).toEqual([
          [],
          [],
          expect.stringMatching(`^unsafePermissions .*${top}/open`),
          expect.stringMatching(`^unsafePermissions .*${top}/sticky/foreign`),
          expect.stringMatching(`^unsafePermissions .*${foreign}`),
        ]);
      });
    }
  });
});
