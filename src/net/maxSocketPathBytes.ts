/**
 * Most bytes of a Unix-domain socket's path: 107 on Linux, 103 on macOS and the BSDs. A longer one would be cut
 * silently. Windows' pipe names have no such bound.
 */
export function maxSocketPathBytes(platform: NodeJS.Platform = process.platform): number {
  if (platform === 'win32') return Number.POSITIVE_INFINITY;
  return platform === 'linux' || platform === 'android' ? 107 : 103;
}
