import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { TestAnswer, TestProgress, TestRequest } from './testWorker';

/** Milliseconds of processor time that a process may take to begin. */
const STARTING_MS = 10_000;
/** How often the time that a process has used is looked at. */
const LOOK_MS = 250;
/** Linux counts a process's time in hundredths of a second. */
const TICK_MS = 10;
/** Beyond its bound of processor time, how much longer a run may take on a machine with other work. */
const WALL_FACTOR = 20;

/** Milliseconds of processor time that a process has used; undefined where that can't be told. */
function cpuMsOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return undefined;
  }
}

/** Runs suites in a process of its own, which is replaced when it can't be used any more. */
export class TestProcess {
  readonly #path: string;
  #child: ChildProcess | undefined;

  /** @param path of the compiled `testWorker` */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * @param limitMs milliseconds of processor time that a suite may take, so that other work on the machine changes nothing
   * @returns undefined if it took longer, or the process ended without an answer
   */
  run(request: TestRequest, limitMs: (suite: string) => number): Promise<TestAnswer | undefined> {
    this.#child ??= fork(this.#path, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
    const child = this.#child;
    const { pid = 0 } = child;
    let began = performance.now();
    let startMs = cpuMsOf(pid) ?? 0;
    let limit = STARTING_MS;
    return new Promise((resolve) => {
      const look = setInterval(() => {
        const usedMs = cpuMsOf(pid);
        const isOver = usedMs !== undefined && usedMs - startMs > limit;
        if (isOver || performance.now() - began > limit * WALL_FACTOR) end(undefined);
      }, LOOK_MS);
      const end = (answer: TestAnswer | undefined): void => {
        clearInterval(look);
        child.removeAllListeners();
        if (answer === undefined || answer.isSpent) this.stop();
        resolve(answer);
      };
      child.on('message', (message: TestAnswer | TestProgress) => {
        if (!('begins' in message)) {
          end(message);
          return;
        }
        began = performance.now();
        startMs = cpuMsOf(pid) ?? 0;
        limit = limitMs(message.begins);
      });
      child.once('exit', () => end(undefined));
      child.send(request);
    });
  }

  stop(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }
}
