import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestEnvironment } from 'jest-environment-node';
import { endProcesses, processesWith } from './markedProcesses';

/** Names the suite that a process belongs to: every process that tests start inherits it. */
const VARIABLE = 'HANDOFF_TEST_SUITE';
const TEMPORARY = 'TMPDIR';
/** What ends by itself has that long, however busy the machine is. */
const END_MS = 20_000;
const POLL_MS = 20;

/** The used fields of Jest's events. */
interface SuiteEvent {
  readonly name: string;
}

/** What Jest knows of a suite, in part. */
interface SuiteState {
  readonly unhandledErrors: Error[];
}

/** A handle of Node's event loop, as its undocumented list has it. */
interface Handle {
  destroy?(): void;
  close?(): void;
}

/**
 * The environment of each suite. It gives the suite a temporary directory of its own, and fails it if a process, a file
 * there or an open socket is left at its end. These are ended and removed then, so that they harm no other suite, and
 * Jest can end.
 */
class SuiteEnvironment extends TestEnvironment {
  readonly #directory: string;
  readonly #temporaryBefore: string | undefined;
  readonly #handlesBefore: ReadonlySet<Handle>;

  constructor(...given: ConstructorParameters<typeof TestEnvironment>) {
    const { [TEMPORARY]: before, HANDOFF_TEST_RUN = tmpdir() } = process.env;
    const directory = mkdtempSync(join(HANDOFF_TEST_RUN, 's-'));
    // As the system's own is.
    chmodSync(directory, 0o1777);
    // Before the suite gets its copy of the variables.
    process.env[TEMPORARY] = directory;
    process.env[VARIABLE] = directory;
    super(...given);
    this.#directory = directory;
    this.#temporaryBefore = before;
    this.#handlesBefore = new Set(openHandles());
    // The channel that Jest has to a worker is none of the suite's: a backend in this process would take it for its
    // broker's, and close it in the end.
    for (const name of ['send', 'disconnect', 'channel', 'connected']) {
      Object.defineProperty(this.global.process, name, {
        value: undefined,
        configurable: true,
        writable: true,
      });
    }
  }

  async handleTestEvent(event: SuiteEvent, state: SuiteState): Promise<void> {
    if (event.name !== 'run_finish') return;
    const left = await this.#whatIsLeft();
    if (left.length === 0) return;
    const error = new Error(`The suite has left:\n${left.join('\n')}`);
    // Where this was found is of no interest.
    error.stack = error.message;
    state.unhandledErrors.push(error);
  }

  override async teardown(): Promise<void> {
    // Also where the suite couldn't even be loaded.
    endProcesses(VARIABLE, this.#directory);
    rmSync(this.#directory, { recursive: true, force: true });
    delete process.env[VARIABLE];
    if (this.#temporaryBefore === undefined) delete process.env[TEMPORARY];
    else process.env[TEMPORARY] = this.#temporaryBefore;
    await super.teardown();
  }

  /** Waits for what is ending; ends what isn't. */
  async #whatIsLeft(): Promise<string[]> {
    const deadline = performance.now() + END_MS;
    const look = () => ({
      processes: processesWith(VARIABLE, this.#directory),
      handles: openHandles().filter((handle) => !this.#handlesBefore.has(handle)),
    });
    let { processes, handles } = look();
    while (processes.length + handles.length > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      ({ processes, handles } = look());
    }
    endProcesses(VARIABLE, this.#directory);
    for (const handle of handles) {
      if (handle.destroy !== undefined) handle.destroy();
      else handle.close?.();
    }
    return [
      ...processes.map(({ pid, command }) => `process ${pid}: ${command}`),
      ...handles.map((handle) => `open in this process: ${handle.constructor.name}`),
      ...readdirSync(this.#directory).map((name) => `in the temporary directory: ${name}`),
    ];
  }
}

/** Sockets and servers that are open in this process. */
function openHandles(): Handle[] {
  const { _getActiveHandles } = process as unknown as { _getActiveHandles: () => Handle[] };
  return _getActiveHandles
    .call(process)
    .filter(({ constructor: { name } }) => name === 'Socket' || name === 'Server');
}

export = SuiteEnvironment;
