import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The package's own folder, from its compiled as well as from its TypeScript files. */
export function packageRoot(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}
