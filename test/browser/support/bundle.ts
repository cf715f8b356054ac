import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(__dirname, '../../..');

/** A script for a page, from a module in TypeScript that may import what the project's own files may, from its root. */
export function bundle(source: string): string {
  const esbuild = join(ROOT, 'node_modules', '.bin', 'esbuild');
  const args = [
    '--bundle',
    '--format=iife',
    '--loader=ts',
    '--log-level=error',
    '--define:global=globalThis',
  ];
  return execFileSync(esbuild, args, { cwd: ROOT, input: source, encoding: 'utf8' });
}
