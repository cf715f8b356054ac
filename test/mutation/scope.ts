/**
 * What is mutated, by area, and the tests that have to notice: those that run fast and start no process. Paths are from the
 * project's root; a `*` stands for any part of one name.
 */
export const AREAS: Readonly<Record<string, readonly string[]>> = {
  charts: ['machines/*.ts'],
  core: ['src/chart/*.ts', 'src/controller/*.ts'],
  errors: ['src/errors/*.ts'],
  protocol: ['src/protocol/*.ts'],
  net: ['src/net/*.ts'],
  claims: ['src/backend/ClaimTable.ts'],
  transfers: [
    'src/broker/transfers/Transfer.ts',
    'src/broker/transfers/TransferQueue.ts',
    'src/broker/transfers/TransferTable.ts',
    'src/broker/transfers/TransferTokens.ts',
    'src/broker/transfers/transferSymbols.ts',
  ],
  pressure: ['src/broker/pressure/FdPressure.ts'],
  state: ['src/broker/state/StateFile.ts'],
  known: ['src/client/KnownBackends.ts'],
  versions: ['src/broker/clients/pickVersion.ts'],
};

/** Suites that count. */
export const SUITES = ['test/conformance/*.test.ts', 'test/unit/*.test.ts', 'test/model/*.test.ts'] as const;

/** Suites of those folders that take many times as long as the rest, for inputs of the same kind or for processes. */
export const SLOW_SUITES = [
  'test/model/bothWays.test.ts',
  'test/model/lifecycleProcessPaths.test.ts',
  'test/model/protocol.test.ts',
  'test/model/randomRuns.test.ts',
  'test/model/roundSocketPaths.test.ts',
  'test/model/transferProcessPaths.test.ts',
] as const;

/** What a suite imports that starts processes of the project's own: it is too slow as well. */
export const PROCESS_IMPORT = "support/compiled'";

/** Tests of the other suites that are as slow. The suites are complete without them. */
export const SLOW_TESTS: readonly RegExp[] = [
  /^bounds its table where the budget is large/,
  /^follows the longer paths/,
  /^starts over and goes on giving the same answers/,
];

/** Most generated cases of a property: a mutant that is worth anything shows in fewer. */
export const MAX_PROPERTY_RUNS = 100;

/** Whether a path is one that a pattern stands for. */
export function isOneOf(path: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${parts.join('[^/]*')}$`).test(path);
  });
}
