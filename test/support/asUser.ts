/** Whether this process may become other users for a while. */
export const canBecomeOthers = process.getuid?.() === 0;

/** Does something, at once, as another user that has no other groups. */
export function asUser<T>(uid: number, gid: number, doIt: () => T): T {
  const groups = process.getgroups?.() ?? [];
  process.setgroups?.([]);
  process.setegid?.(gid);
  process.seteuid?.(uid);
  try {
    return doIt();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    process.setgroups?.(groups);
  }
}
