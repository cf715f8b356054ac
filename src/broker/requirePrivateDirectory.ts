import { lstatSync, mkdirSync, type Stats } from 'node:fs';
import { BrokerError } from './BrokerError';

/**
 * Makes sure that a directory is there and that nobody but this process's user can look into it. One that is missing is made.
 *
 * @throws {BrokerError} `unsafeDirectory`: it isn't a directory, is somebody else's, or is open to others.
 */
export function requirePrivateDirectory(field: string, path: string): void {
  let stats: Stats;
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    stats = lstatSync(path);
  } catch (cause) {
    throw new BrokerError('unsafeDirectory', `${field} can't be used: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (!stats.isDirectory()) throw new BrokerError('unsafeDirectory', `${field} is not a directory: ${path}`);
  if (process.platform === 'win32') return;
  if (stats.uid !== process.getuid?.()) {
    throw new BrokerError('unsafeDirectory', `${field} belongs to another user: ${path}`);
  }
  const mode = stats.mode & 0o777;
  if ((mode & 0o077) !== 0) {
    throw new BrokerError(
      'unsafeDirectory',
      `${field} must be accessible to its owner only (mode 700), but has mode ${mode.toString(8)}: ${path}`,
    );
  }
}
