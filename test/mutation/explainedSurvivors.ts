import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import type { Mutant } from './createMutants';
import { ROOT, readSource } from './Workspace';

const SURVIVORS_FILE = join(ROOT, 'test/mutation/survivors.json');
const MAX_SHOWN_CHARACTERS = 60;

const explainedSchema = z.array(
  z.strictObject({
    /** The file's name, wherever it stands. */
    file: z.string(),
    /** The line as it is, without the space around it. */
    line: z.string(),
    /** What is changed in it, as `changeOf` shows it. */
    changes: z.array(z.string()).min(1),
    /** Why no test can notice, or need not. */
    why: z.string().min(1),
  }),
);

/** Survivors that need no test, of one line. */
export type ExplainedSurvivor = z.infer<typeof explainedSchema>[number];

export function readExplained(): ExplainedSurvivor[] {
  return explainedSchema.parse(JSON.parse(readFileSync(SURVIVORS_FILE, 'utf8')));
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length > MAX_SHOWN_CHARACTERS ? `${line.slice(0, MAX_SHOWN_CHARACTERS)}…` : line;
}

/** The change in words. */
export function changeOf({ original, replacement }: Mutant): string {
  if (replacement === ';' || replacement.startsWith('...')) return `without ${shorten(original)}`;
  return `${shorten(original)} → ${shorten(replacement)}`;
}

/** The line that the change begins in, without the space around it. */
export function lineOf({ file, line }: Mutant): string {
  return (readSource(file).split('\n')[line - 1] ?? '').trim();
}

export function isExplained(mutant: Mutant, explained: readonly ExplainedSurvivor[]): boolean {
  const change = changeOf(mutant);
  return explained.some((one) => isOf(one, mutant) && one.changes.includes(change));
}

/** The explanations that no survivor needs. Of a line, the changes that a test notices by now. */
export function unusedExplanations(
  survivors: readonly Mutant[],
  explained: readonly ExplainedSurvivor[],
): ExplainedSurvivor[] {
  return explained.flatMap((one) => {
    const used = survivors.filter((mutant) => isOf(one, mutant)).map(changeOf);
    const changes = one.changes.filter((change) => !used.includes(change));
    return changes.length > 0 ? [{ ...one, changes }] : [];
  });
}

function isOf({ file, line }: ExplainedSurvivor, mutant: Mutant): boolean {
  return file === basename(mutant.file) && line === lineOf(mutant);
}
