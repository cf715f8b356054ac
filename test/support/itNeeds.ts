import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The part of `it` that a test which needs something uses. */
type It = (name: string, test: jest.ProvidesCallback) => void;

/**
 * `it` for a test that needs something which not every machine has. Where it's missing the test is counted as not run, and
 * named in the summary.
 */
export function itNeeds(what: string, isThere: boolean): It {
  if (isThere) return it;
  // `test/support/NotRunReporter.js` knows it by this.
  return (name, test) => it.skip(`${name} [not run: needs ${what}]`, test);
}

/** As {@link itNeeds}, for all the tests of a `describe`. */
export function describeNeeds(what: string, isThere: boolean): (name: string, tests: () => void) => void {
  if (isThere) return describe;
  return (name, tests) => describe.skip(`${name} [not run: needs ${what}]`, tests);
}

/** Whether a program can be started by its name. */
export function hasProgram(name: string): boolean {
  const { PATH = '' } = process.env;
  return PATH.split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
