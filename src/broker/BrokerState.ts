import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { checkPersistedSnapshot } from '../controller/PersistedHandoffSnapshot';
import type { HandoffController, PersistedHandoffSnapshot } from '../index';
import { BrokerError } from './BrokerError';
import type { BrokerWarning } from './BrokerEvents';
import type { AdoptableBackend } from './BrokerOptions';
import { checkPathLength } from './checkBrokerOptions';
import { makePrivateDirectory } from './checkPrivatePath';
import { logDirectory } from './defaultLogFile';
import { listenOnPath } from './listenOnPath';
import { StateFile } from './StateFile';

const MANIFEST_VERSION = 1;
// With what a write takes, state is on disk well within a second of its change.
const LOOK_EVERY_MS = 250;
// A window's end is computed from two clocks that are read one after the other.
const SAME_END_MS = 50;

const manifestSchema = z.object({
  version: z.literal(MANIFEST_VERSION),
  backends: z.array(
    z.object({
      serviceName: z.string().min(1).max(256),
      serviceVersion: z.string().min(1).max(128),
      // Of an earlier version it may be relative to the directory that all its brokers were started in.
      endpoint: z
        .string()
        .min(1)
        .transform((path) => resolve(path)),
      backend: z.string().regex(/^[0-9a-f]{32}$/),
      pid: z.number().int().min(2),
      processStart: z.string().min(1).optional(),
    }),
  ),
});

type Manifest = z.infer<typeof manifestSchema>;

/**
 * A broker's state on disk: the processes that it has started, and what its controller knows. One broker at a time has
 * the directory.
 */
export class BrokerState {
  /** Directory of the backends' sockets. */
  readonly endpointDirectory: string;
  /** Processes that an earlier broker started and didn't see end. */
  readonly survivors: readonly AdoptableBackend[];
  /** What an earlier broker's controller knew last. */
  readonly snapshot: PersistedHandoffSnapshot | undefined;
  /** What was wrong with the files; the broker's own warnings from its start on. */
  onWarning: (warning: BrokerWarning) => void;
  readonly #lock: Server;
  readonly #manifest: StateFile<Manifest>;
  readonly #snapshotFile: StateFile<PersistedHandoffSnapshot>;
  readonly #backends = new Map<string, AdoptableBackend>();
  #isManifestWritten = true;
  #saved: PersistedHandoffSnapshot | undefined;
  #saving: Promise<void> | undefined;
  #controller: HandoffController | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(directory: string, lock: Server, onWarning: (warning: BrokerWarning) => void) {
    const warn = (warning: BrokerWarning): void => this.onWarning(warning);
    this.onWarning = onWarning;
    this.#lock = lock;
    this.#manifest = new StateFile(
      join(directory, 'manifest.json'),
      (value) => manifestSchema.parse(value),
      warn,
    );
    this.#snapshotFile = new StateFile(join(directory, 'controller.json'), checkPersistedSnapshot, warn);
    this.endpointDirectory = join(directory, 'endpoints');
    mkdirSync(this.endpointDirectory, { recursive: true, mode: 0o700 });
    mkdirSync(logDirectory(directory), { recursive: true, mode: 0o700 });
    this.survivors = (this.#manifest.read()?.backends ?? []).map(({ processStart, ...backend }) => ({
      ...backend,
      ...(processStart === undefined ? {} : { processStart }),
    }));
    this.snapshot = this.#snapshotFile.read();
    this.#saved = this.snapshot;
    // They stay on record until somebody knows that they are gone.
    for (const survivor of this.survivors) this.#backends.set(survivor.backend, survivor);
    this.#removeStrayEndpoints();
  }

  /**
   * Takes a directory, which is made if it's missing.
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

  /** A process was started. It's on disk when this returns: a broker that is killed right afterwards leaves no stray. */
  add(backend: AdoptableBackend): void {
    this.#backends.set(backend.backend, backend);
    this.#writeManifest();
  }

  /** A process is gone, or no later broker's concern any more. */
  remove(backend: string): void {
    if (this.#backends.delete(backend)) this.#writeManifest();
  }

  /** Removes the socket that a dead process left, if it's in this directory. */
  removeEndpoint({ endpoint }: AdoptableBackend): void {
    if (process.platform !== 'win32' && dirname(endpoint) === this.endpointDirectory) {
      rmSync(endpoint, { force: true });
    }
  }

  /** Keeps what the controller knows on disk from now on. */
  watch(controller: HandoffController): void {
    this.#controller = controller;
    // Anybody may tell the controller something, and following its actors would slow each of its decisions.
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** Writes what there is to write, and lets another broker have the directory. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#saving;
    if (this.#controller !== undefined) await this.#save(this.#controller.getPersistedSnapshot());
    if (!this.#isManifestWritten) this.#writeManifest();
    await close(this.#lock);
  }

  #look(): void {
    if (!this.#isManifestWritten) this.#writeManifest();
    if (this.#controller === undefined || this.#saving !== undefined) return;
    const snapshot = this.#controller.getPersistedSnapshot();
    if (isSame(snapshot, this.#saved)) return;
    this.#saving = this.#save(snapshot).finally(() => {
      this.#saving = undefined;
    });
  }

  async #save(snapshot: PersistedHandoffSnapshot): Promise<void> {
    if (await this.#snapshotFile.write(snapshot)) this.#saved = snapshot;
  }

  #writeManifest(): void {
    this.#isManifestWritten = this.#manifest.writeSync({
      version: MANIFEST_VERSION,
      backends: [...this.#backends.values()],
    });
  }

  #removeStrayEndpoints(): void {
    const known = new Set(this.survivors.map(({ endpoint }) => endpoint));
    for (const name of readdirSync(this.endpointDirectory)) {
      const path = join(this.endpointDirectory, name);
      if (name.endsWith('.sock') && !known.has(path)) rmSync(path, { force: true });
    }
  }
}

async function takeLock(lock: Server, directory: string): Promise<void> {
  // A named pipe isn't in any directory.
  if (process.platform === 'win32') return;
  const path = join(directory, 'lock.sock');
  checkPathLength('stateDirectory/lock.sock', path);
  try {
    await listenOnPath(lock, path);
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'alreadyRunning') {
      throw new BrokerError('alreadyRunning', `another broker runs with the state directory ${directory}`);
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
