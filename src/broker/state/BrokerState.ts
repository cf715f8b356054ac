import { mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { checkPersistedSnapshot } from '../../controller/PersistedHandoffSnapshot';
import { parseInWords } from '../../errors/parseInWords';
import { messageOf } from '../../errors/showValue';
import type { HandoffController, PersistedHandoffSnapshot } from '../../index';
import { isAskRefused } from '../../protocol/askEndpoint';
import { type BackendIdentity, isBackendId } from '../../protocol/backendIdentity';
import { BrokerError } from '../BrokerError';
import { inTurn } from '../backends/inTurn';
import type { ProcessRecords } from '../backends/ProcessRecords';
import { probeBackend } from '../backends/probeBackend';
import { startedProcesses } from '../backends/startedProcesses';
import { makePrivateDirectory } from '../files/checkPrivatePath';
import { listenOnPath } from '../files/listenOnPath';
import { removeEndpoint } from '../files/removeEndpoint';
import type { AdoptableBackend } from '../options/BrokerOptions';
import { checkPathLength } from '../options/checkBrokerOptions';
import { logDirectory } from '../options/defaultLogFile';
import type { BrokerWarning } from '../telemetry/BrokerEvents';
import { StateFile } from './StateFile';

const MANIFEST_VERSION = 1;
const PROBES_AT_A_TIME = 16;
const PROBE_TIMEOUT_MS = 2000;
const PROBES_TIMEOUT_MS = 5000;
// Short enough that a change, with the time of a write, is on disk well within a second.
const LOOK_EVERY_MS = 250;
// A window's computed end jitters: it comes from two clocks that are read one after the other.
const SAME_END_MS = 50;

const manifestSchema = z.object({
  version: z.literal(MANIFEST_VERSION),
  backends: z.array(
    z.object({
      serviceName: z.string().min(1).max(256),
      serviceVersion: z.string().min(1).max(128),
      // An earlier version of this library may have written a path relative to the broker's working directory.
      endpoint: z
        .string()
        .min(1)
        .transform((path) => resolve(path)),
      backend: z.string().refine(isBackendId, { params: { expected: '32 lower-case hexadecimal digits' } }),
      // Missing while the process is being started.
      pid: z.number().int().min(2).optional(),
      replica: z.number().int().min(2).optional(),
      processStart: z.string().min(1).optional(),
    }),
  ),
});

type Manifest = z.infer<typeof manifestSchema>;
type RecordedProcess = Manifest['backends'][number];

/**
 * A broker's state on disk: the processes that it started, and the controller's snapshot. One broker at a time can use the
 * directory.
 */
export class BrokerState implements ProcessRecords {
  /** The directory with links resolved, so that every broker that uses it has the same path. */
  readonly directory: string;
  /** Directory of the backends' sockets. */
  readonly endpointDirectory: string;
  /** Processes of earlier brokers that may still run, from the manifest and the system's process list. */
  readonly survivors: readonly AdoptableBackend[];
  /** The last snapshot of an earlier broker's controller. */
  readonly snapshot: PersistedHandoffSnapshot | undefined;
  /** Receives warnings about the files. The broker replaces it with its own. */
  onWarning: (warning: BrokerWarning) => void;
  readonly #lock: Server;
  readonly #manifest: StateFile<Manifest>;
  readonly #snapshotFile: StateFile<PersistedHandoffSnapshot>;
  readonly #processes = new Map<string, RecordedProcess>();
  readonly #unwritten = new Set<StateFile<Manifest> | StateFile<PersistedHandoffSnapshot>>();
  #isManifestWritten = true;
  #writeError: unknown;
  #isWarned = false;
  #saved: PersistedHandoffSnapshot | undefined;
  #saving: Promise<void> | undefined;
  #controller: HandoffController | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(directory: string, lock: Server, onWarning: (warning: BrokerWarning) => void) {
    const warn = (warning: BrokerWarning): void => this.onWarning(warning);
    this.onWarning = onWarning;
    this.#lock = lock;
    lock.on('error', (cause) => this.onWarning({ code: 'serverError', message: cause.message, cause }));
    this.directory = realpathSync(directory);
    this.#manifest = new StateFile(
      join(directory, 'manifest.json'),
      (value) => parseInWords(manifestSchema, value, 'the whole file', '; '),
      warn,
    );
    this.#snapshotFile = new StateFile(join(directory, 'controller.json'), checkPersistedSnapshot, warn);
    this.endpointDirectory = resolve(directory, 'endpoints');
    mkdirSync(this.endpointDirectory, { recursive: true, mode: 0o700 });
    mkdirSync(logDirectory(directory), { recursive: true, mode: 0o700 });
    const recorded = this.#manifest.read()?.backends ?? [];
    this.snapshot = this.#snapshotFile.read();
    this.#saved = this.snapshot;
    this.survivors = withWhatRuns(recorded, startedProcesses(this.directory));
    // They stay recorded until they are known to have ended.
    for (const survivor of this.survivors) this.#processes.set(survivor.backend, survivor);
  }

  /**
   * Locks a state directory and reads it; creates it if missing.
   *
   * @throws {BrokerError} `unsafePermissions`, `alreadyRunning`, `pathTooLong` or `listenFailed` (the promise rejects).
   */
  static async open(directory: string, onWarning: (warning: BrokerWarning) => void): Promise<BrokerState> {
    makePrivateDirectory(directory);
    const lock = createServer((socket) => socket.destroy());
    await takeLock(lock, directory);
    try {
      return new BrokerState(directory, lock, onWarning);
    } catch (error) {
      await close(lock);
      throw error;
    }
  }

  /**
   * Records a process before its start. It's on disk when this returns, so that even a broker killed right afterwards leaves no
   * unknown process.
   *
   * @throws {BrokerError} `stateNotWritten`: don't start the process.
   */
  add(process: BackendIdentity): void {
    this.#processes.set(process.backend, process);
    this.#writeManifest();
    if (this.#isManifestWritten) return;
    this.#processes.delete(process.backend);
    const { serviceName, serviceVersion } = process;
    throw new BrokerError(
      'stateNotWritten',
      `${serviceName}@${serviceVersion} isn't started: it can't be recorded in ${this.directory}`,
      { cause: this.#writeError },
    );
  }

  /** Adds the process id and start time of a started process. */
  complete(process: AdoptableBackend): void {
    this.#processes.set(process.backend, process);
    this.#writeManifest();
  }

  /** Removes a process that has ended, or that no later broker needs to adopt. */
  remove(backend: string): void {
    if (this.#processes.delete(backend)) this.#writeManifest();
  }

  /** Replaces the processes of earlier brokers by those that are left. Processes that this broker started stay. */
  keep(processes: Iterable<AdoptableBackend>): void {
    for (const { backend } of this.survivors) this.#processes.delete(backend);
    for (const process of processes) this.#processes.set(process.backend, process);
    this.#writeManifest();
  }

  /** Removes sockets of dead processes. Warns of a socket that an unrecorded process listens on, and leaves it. */
  async removeDeadEndpoints(): Promise<void> {
    // Windows' named pipes are in no directory.
    if (process.platform === 'win32') return;
    // Compare names, not paths: a path may lead to the directory through a link.
    const known = new Set([...this.#processes.values()].map(({ endpoint }) => basename(endpoint)));
    const endpoints = readdirSync(this.endpointDirectory)
      .filter((name) => name.endsWith('.sock') && !known.has(name))
      .map((name) => join(this.endpointDirectory, name));
    const end = performance.now() + PROBES_TIMEOUT_MS;
    await inTurn(endpoints, PROBES_AT_A_TIME, async (endpoint) => {
      const leftMs = Math.min(PROBE_TIMEOUT_MS, end - performance.now());
      if (leftMs <= 0) return;
      let who = 'An unknown process';
      try {
        const { identity, watch } = await probeBackend(endpoint, leftMs);
        watch.destroy();
        who = `${identity.serviceName}@${identity.serviceVersion} (process ${identity.pid})`;
      } catch (error) {
        if (isAskRefused(error)) {
          removeEndpoint(endpoint);
          return;
        }
      }
      const message = `${who} listens at ${endpoint} but isn't recorded; it is left alone`;
      this.onWarning({ code: 'adoptionRefused', message });
    });
  }

  /** From now on saves the controller's snapshot when it changes. */
  watch(controller: HandoffController): void {
    this.#controller = controller;
    // Poll: subscribing to the controller's actors would slow each of its decisions.
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** Writes what is pending and releases the directory. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#saving;
    const snapshot = this.#readController();
    if (snapshot !== undefined) await this.#save(snapshot);
    if (!this.#isManifestWritten) this.#writeManifest();
    await close(this.#lock);
  }

  #look(): void {
    if (!this.#isManifestWritten) this.#writeManifest();
    if (this.#saving !== undefined) return;
    const snapshot = this.#readController();
    if (snapshot === undefined || isSame(snapshot, this.#saved)) return;
    this.#saving = this.#save(snapshot).finally(() => {
      this.#saving = undefined;
    });
  }

  /** Undefined if there is nothing to save. Warns once if the embedder has disposed of the controller. */
  #readController(): PersistedHandoffSnapshot | undefined {
    try {
      return this.#controller?.getPersistedSnapshot();
    } catch (cause) {
      this.#controller = undefined;
      const message = `the controller's state is no longer saved: ${messageOf(cause)}`;
      this.onWarning({ code: 'internalError', message, cause });
      return undefined;
    }
  }

  async #save(snapshot: PersistedHandoffSnapshot): Promise<void> {
    try {
      await this.#snapshotFile.write(snapshot);
      this.#saved = snapshot;
      this.#onWritten(this.#snapshotFile);
    } catch (error) {
      this.#onUnwritten(this.#snapshotFile, error);
    }
  }

  #writeManifest(): void {
    try {
      this.#manifest.writeSync({ version: MANIFEST_VERSION, backends: [...this.#processes.values()] });
      this.#isManifestWritten = true;
      this.#onWritten(this.#manifest);
    } catch (error) {
      this.#isManifestWritten = false;
      this.#writeError = error;
      this.#onUnwritten(this.#manifest, error);
    }
  }

  // Writes are retried several times a second: warn only at the first failure and when all writes work again.

  #onUnwritten(file: StateFile<Manifest> | StateFile<PersistedHandoffSnapshot>, cause: unknown): void {
    if (this.#unwritten.add(file).size > 1 || this.#isWarned) return;
    this.#isWarned = true;
    const message = `can't write ${file.path}; retrying, and starting no process until it works: ${(cause as Error).message}`;
    this.onWarning({ code: 'stateNotWritten', message, cause });
  }

  #onWritten(file: StateFile<Manifest> | StateFile<PersistedHandoffSnapshot>): void {
    this.#unwritten.delete(file);
    if (!this.#isWarned || this.#unwritten.size > 0) return;
    this.#isWarned = false;
    this.onWarning({ code: 'stateWritten', message: `${this.directory} can be written again` });
  }
}

async function takeLock(lock: Server, directory: string): Promise<void> {
  // Windows' named pipes are in no directory.
  if (process.platform === 'win32') return;
  const path = join(directory, 'lock.sock');
  checkPathLength('stateDirectory/lock.sock', path);
  try {
    await listenOnPath(lock, path);
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'alreadyRunning') {
      throw new BrokerError('alreadyRunning', `another broker uses the state directory ${directory}`);
    }
    throw error;
  }
}

function close(lock: Server): Promise<void> {
  return new Promise((resolve) => {
    if (lock.listening) lock.close(() => resolve());
    else resolve();
  });
}

function isSame(a: PersistedHandoffSnapshot, b: PersistedHandoffSnapshot | undefined): boolean {
  if (a.backends.length !== b?.backends.length) return false;
  return a.backends.every((one, index) => {
    const other = b.backends[index];
    if (other === undefined || JSON.stringify(one.backend) !== JSON.stringify(other.backend)) return false;
    if (one.adopted !== other.adopted || one.window?.failedAttempts !== other.window?.failedAttempts)
      return false;
    const movedMs =
      a.wallTimeMs + (one.window?.remainingMs ?? 0) - b.wallTimeMs - (other.window?.remainingMs ?? 0);
    return one.window === undefined || one.window.remainingMs === 0 || Math.abs(movedMs) <= SAME_END_MS;
  });
}

/** The running processes, then the recorded ones that the system doesn't list and that may have ended. */
function withWhatRuns(
  recorded: readonly RecordedProcess[],
  running: readonly AdoptableBackend[],
): AdoptableBackend[] {
  const known = new Set(running.map(({ backend }) => backend));
  const others = recorded.flatMap(({ pid, processStart, ...identity }): AdoptableBackend[] => {
    // Without a process id it never started: a started one would be in the system's list.
    if (pid === undefined || known.has(identity.backend)) return [];
    return [{ ...identity, pid, ...(processStart === undefined ? {} : { processStart }) }];
  });
  return [...running, ...others];
}
