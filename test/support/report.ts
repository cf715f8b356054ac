/** Prints a line that belongs to the result of `npm test`, free of Jest's console frame. */
export function report(line: string): void {
  process.stdout.write(`${line}\n`);
}
