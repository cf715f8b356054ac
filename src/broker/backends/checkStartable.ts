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

// All names of backends' sockets have this length.
const SAMPLE_SOCKET = `${'x'.repeat(16)}.sock`;

/**
 * Checks that a service's process can be started: its working directory, its module and its log file.
 *
 * @throws {BrokerError} `startFailed`; the message names the path and the problem.
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
 * Checks whether a broker could start, as far as possible without starting one. Changes nothing. A running broker with the
 * same options is no error.
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
 * Checks whether a socket can be created at a path, without creating one.
 *
 * @throws {BrokerError} `listenFailed`: its directory is missing. `notASocket`: something else is there.
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

/** If it's missing, the nearest existing directory above it must be writable. */
function checkStateDirectory(path: string): void {
  if (statOf(path) !== undefined) {
    checkPrivateDirectory(path);
    statOfSocket(join(path, 'lock.sock'));
    for (const made of [join(path, 'endpoints'), logDirectory(path)]) {
      if (statOf(made)?.isDirectory() === false) {
        throw new BrokerError(
          'listenFailed',
          `can't make the directory ${showPath(made)}: it exists and is not a directory`,
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

/** Skips the check of a log file in the state directory: its directory is created at the start. */
function withoutMadeLog(service: CheckedService, stateDirectory: string | undefined): CheckedService {
  const isMade = stateDirectory !== undefined && service.logFile?.startsWith(join(stateDirectory, 'logs'));
  return isMade ? { ...service, logFile: undefined } : service;
}

/** The file that Node resolves a module's path to: the path may lack an extension, or be a directory with a main file. */
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
    // A part of the path isn't a directory or can't be searched.
    return undefined;
  }
}
