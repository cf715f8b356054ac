import type { BenchOptions } from './Section';
import { SECTIONS } from './sections';

// One section in a process of its own: what others have left on the heap and in the compiler is not part of its figures.

async function main(): Promise<void> {
  const [name, options] = process.argv.slice(2);
  const section = SECTIONS.find((one) => one.name === name);
  if (section === undefined || options === undefined) throw new Error(`No section ${name}`);
  const result = await section.run(JSON.parse(options) as BenchOptions);
  // A handle that a section left open must not keep the next from starting.
  process.send?.(result, () => process.exit());
}

void main();
