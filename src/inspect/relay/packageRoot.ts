import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The package's folder, found from compiled and TypeScript files alike. */
export function packageRoot(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}
