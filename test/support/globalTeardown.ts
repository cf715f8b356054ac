import { readdirSync, rmSync } from 'node:fs';
import { endProcesses, processesWith } from './markedProcesses';

// After all suites. Each has looked after itself; this finds what one has left whose own process ended.
export = (): void => {
  const { HANDOFF_TEST_RUN: directory = '' } = process.env;
  const suites = `${directory}/`;
  const left = [
    ...processesWith('HANDOFF_TEST_SUITE', suites).map(({ pid, command }) => `process ${pid}: ${command}`),
    ...readdirSync(directory),
  ];
  endProcesses('HANDOFF_TEST_SUITE', suites);
  rmSync(directory, { recursive: true, force: true });
  if (left.length > 0) throw new Error(`The tests have left:\n${left.join('\n')}`);
};
