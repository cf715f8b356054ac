import { lstatSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { isAbsolute, join } from 'node:path';

const MAX_LINKS = 40;
const STICKY = 0o1000;
const GROUP = { search: 0o010, change: 0o030 } as const;
const OTHERS = { search: 0o001, change: 0o003 } as const;

/** Who can do something besides root and this user: nobody, only members of the user's group, or others too. */
export const NOBODY = 0;
export const OWN_GROUP = 1;
export const ANYBODY = 2;
export type Others = typeof NOBODY | typeof OWN_GROUP | typeof ANYBODY;

/** A directory entry on a path's way, including the last one. */
export interface PathStep {
  /** The entry's path, without links. */
  readonly path: string;
  readonly stats: Stats;
  /** The directory that holds it. */
  readonly holder: Directory;
}

/** A directory on a path's way, and who can change its entries. */
export interface Directory {
  readonly path: string;
  readonly stats: Stats;
  /** Whether it belongs to root or this user. */
  readonly isTrusted: boolean;
  /** Who can create and remove entries; in a sticky directory only their own. */
  readonly writers: Others;
  /** Who can reach its entries. */
  readonly reach: Others;
}

/** The result of {@link walkPath}. */
export interface WalkedPath {
  /** Every entry on the way, in order; a link is followed by the entries on its target's way. */
  readonly steps: readonly PathStep[];
  /** The resolved path, without links. */
  readonly path: string;
  /** Undefined if nothing is there; its directory exists. */
  readonly stats: Stats | undefined;
  readonly holder: Directory;
}

/**
 * Resolves a path as the system does, from the root down, so that nobody who couldn't change an earlier entry can change a
 * later one after it was checked.
 *
 * @param stopAt paths to stop at without reading them, such as `/proc/self/fd/1`.
 * @throws {Error} `ENOENT`, `ENOTDIR`, `ELOOP`, `EACCES` and the like.
 */
export function walkPath(path: string, stopAt: readonly string[] = []): WalkedPath {
  const root = directory('/', lstatSync('/'), undefined);
  const steps: PathStep[] = [];
  let above: Directory[] = [root];
  let rest = partsOf(isAbsolute(path) ? path : join(process.cwd(), '/').concat(path));
  let links = 0;
  for (;;) {
    const holder = above.at(-1) ?? root;
    const [name, ...further] = rest;
    if (name === undefined) {
      const { path: end, stats } = holder;
      return { steps, path: end, stats, holder: above.at(-2) ?? root };
    }
    rest = further;
    if (name === '..') {
      if (above.length > 1) above.pop();
      continue;
    }
    const here = join(holder.path, name);
    if (further.length === 0 && stopAt.includes(here)) return { steps, path: here, stats: undefined, holder };
    const stats = lstatSync(here, { throwIfNoEntry: further.length > 0 });
    if (stats === undefined) return { steps, path: here, stats, holder };
    steps.push({ path: here, stats, holder });
    if (stats.isSymbolicLink()) {
      links += 1;
      if (links > MAX_LINKS) throw failure('ELOOP', 'too many links', path);
      const target = readlinkSync(here);
      if (isAbsolute(target)) above = [root];
      rest = [...partsOf(target), ...further];
    } else if (stats.isDirectory()) {
      above.push(directory(here, stats, holder));
    } else if (further.length > 0) {
      throw failure('ENOTDIR', 'not a directory', here);
    } else {
      return { steps, path: here, stats, holder };
    }
  }
}

/** Who else could have created an entry, or can replace it. */
export function swappersOf({ stats, holder }: PathStep): Others {
  const isSticky = (holder.stats.mode & STICKY) !== 0 && holder.isTrusted;
  return isSticky && isTrustedEntry(stats, holder) ? NOBODY : holder.writers;
}

/** Whether an entry belongs to root or this user. */
export function isTrustedEntry({ uid }: Stats, holder: Directory | undefined): boolean {
  if (uid === 0 || uid === process.geteuid?.()) return true;
  // In a user namespace, root and all other users outside share one unmapped number. An entry with this number is root's if
  // only root and this user can write its directory.
  return uid === unmappedUser() && (holder === undefined || holder.writers === NOBODY);
}

function directory(path: string, stats: Stats, holder: Directory | undefined): Directory {
  const isTrusted = isTrustedEntry(stats, holder);
  const group = stats.gid === process.getegid?.() ? OWN_GROUP : ANYBODY;
  const can = (what: 'search' | 'change'): Others => {
    if (!isTrusted || (stats.mode & OTHERS[what]) === OTHERS[what]) return ANYBODY;
    return (stats.mode & GROUP[what]) === GROUP[what] ? group : NOBODY;
  };
  const reach = holder?.reach ?? ANYBODY;
  return { path, stats, isTrusted, writers: least(reach, can('change')), reach: least(reach, can('search')) };
}

function least(a: Others, b: Others): Others {
  return a < b ? a : b;
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function failure(code: string, what: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${what}, '${path}'`), { code });
}

/** The number of unmapped users in this process's user namespace; undefined if all users are mapped. */
function unmappedUser(): number | undefined {
  try {
    const maps = readFileSync('/proc/self/uid_map', 'utf8').trim().split('\n');
    const ranges = maps.map((line) => line.trim().split(/\s+/).map(Number));
    const unmapped = Number(readFileSync('/proc/sys/kernel/overflowuid', 'utf8'));
    const isMapped = ranges.some(([first = 0, , count = 0]) => unmapped >= first && unmapped < first + count);
    return isMapped ? undefined : unmapped;
  } catch {
    return undefined;
  }
}
