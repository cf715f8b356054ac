import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { messageOf, showPath } from '../../errors/showValue';
import { BrokerError } from '../BrokerError';
import { checkPrivateDirectory } from '../files/checkPrivatePath';
import { statOfSocket } from '../files/listenOnPath';
import { checkLogFile } from '../files/openLogFile';
import {
  type CheckedBrokerOptions,
  type CheckedService,
  checkPathLength,
} from '../options/checkBrokerOptions';
import { logDirectory } from '../options/defaultLogFile';

// As long as the name of any backend's socket.
const SAMPLE_SOCKET = `${'x'.repeat(16)}.sock`;

/**
 * Checks that what a service's process is started from is there: its working directory, its module, its log file's
 * directory.
 *
 * @throws {BrokerError} `startFailed`; the message says what isn't there.
 */
export function checkServiceFiles({ name, version, module, cwd, logFile }: CheckedService): void {
  const fail = (why: string): never => {
    throw new BrokerError('startFailed', `${name}@${version} can't be started: ${why}`);
  };
  const directory = resolve(cwd ?? '.');
  const why = whyNoDirectory(directory);
  if (why !== undefined) fail(`its working directory ${showPath(directory)} ${why}`);
  const path = resolve(directory, module);
  const file = moduleFile(path);
  if (file === undefined) fail(`its module ${showPath(path)} ${whyNoFile(path)}`);
  else if (!isReadable(file)) fail(`its module ${showPath(file)} can't be read`);
  if (logFile !== undefined) {
    const why = whyNoDirectory(dirname(resolve(logFile)));
    if (why !== undefined) fail(`the directory of its log file ${showPath(resolve(logFile))} ${why}`);
    try {
      checkLogFile(resolve(logFile));
    } catch (cause) {
      fail(`its log file ${showPath(resolve(logFile))} can't be opened: ${messageOf(cause)}`);
    }
  }
}

/**
 * Finds what would keep a broker from starting, as far as it can be known without starting one. It changes nothing, and
 * doesn't mind that another broker runs.
 *
 * @throws {BrokerError} as `createBroker` would.
 */
export function checkStartable(options: CheckedBrokerOptions): void {
  const { socketPath, stateDirectory, endpointDirectory, services } = options;
  checkPrivateDirectory(dirname(resolve(socketPath)));
  statOfSocket(socketPath);
  if (endpointDirectory !== undefined) checkPrivateDirectory(endpointDirectory);
  const endpoints = endpointDirectory ?? (stateDirectory && join(stateDirectory, 'endpoints'));
  if (endpoints !== undefined) checkPathLength('endpoint', join(endpoints, SAMPLE_SOCKET));
  if (stateDirectory !== undefined) checkStateDirectory(stateDirectory);
  for (const service of services) checkServiceFiles(withoutMadeLog(service, stateDirectory));
}

/**
 * Makes sure that a socket can be listened on at a path, as far as it can be known.
 *
 * @throws {BrokerError} `listenFailed`: there is no directory for it. `notASocket`: something else is there.
 */
export function checkSocketPlace(path: string): void {
  const directory = dirname(path);
  const why = whyNoDirectory(directory);
  if (why !== undefined) {
    throw new BrokerError(
      'listenFailed',
      `can't listen on ${showPath(path)}: the directory ${showPath(directory)} ${why}`,
    );
  }
  statOfSocket(path);
}

/** It may be made: then the first directory above it that there is must let us. */
function checkStateDirectory(path: string): void {
  if (statOf(path) !== undefined) {
    checkPrivateDirectory(path);
    statOfSocket(join(path, 'lock.sock'));
    for (const made of [join(path, 'endpoints'), logDirectory(path)]) {
      if (statOf(made)?.isDirectory() === false) {
        throw new BrokerError(
          'listenFailed',
          `can't make the directory ${showPath(made)}: it's there, and no directory`,
        );
      }
    }
    return;
  }
  let above = dirname(resolve(path));
  while (statOf(above) === undefined && dirname(above) !== above) above = dirname(above);
  try {
    if (!statSync(above).isDirectory()) throw new Error(`${above} is not a directory`);
    accessSync(above, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new BrokerError('listenFailed', `can't make the directory ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** The directory of the logs in a state directory is made at the start. */
function withoutMadeLog(service: CheckedService, stateDirectory: string | undefined): CheckedService {
  const isMade = stateDirectory !== undefined && service.logFile?.startsWith(join(stateDirectory, 'logs'));
  return isMade ? { ...service, logFile: undefined } : service;
}

/** The file that Node takes a module's path for: an extension may be left out, and a directory may have a main file. */
function moduleFile(path: string): string | undefined {
  if (statOf(path)?.isFile()) return path;
  try {
    const file = createRequire(path).resolve(path);
    return statOf(file)?.isFile() ? file : undefined;
  } catch {
    return undefined;
  }
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function whyNoFile(path: string): string {
  const stats = statOf(path);
  if (stats === undefined) return "isn't there";
  return stats.isDirectory() ? 'is a directory without a main file' : 'is not a file';
}

function whyNoDirectory(path: string): string | undefined {
  const stats = statOf(path);
  if (stats === undefined) return "isn't there";
  return stats.isDirectory() ? undefined : 'is not a directory';
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // A part of its path is no directory, or may not be searched.
    return undefined;
  }
}
