/** A process's id. To take 0 where there is none would signal this process and its group. */
export function requirePid(pid: number | undefined): number {
  if (pid === undefined) throw new Error('There is no such process');
  return pid;
}
