const { availableParallelism } = require('node:os');

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: '<rootDir>/test/support/SuiteEnvironment.ts',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: {
    // Types are checked once by `tsc`, for all files; here they are only stripped.
    '^.+\\.ts$': ['ts-jest', { diagnostics: false }],
  },
  globalSetup: '<rootDir>/test/support/globalSetup.ts',
  globalTeardown: '<rootDir>/test/support/globalTeardown.ts',
  reporters: ['default', '<rootDir>/test/support/NotRunReporter.js'],
  // Many suites wait for processes and deadlines most of the time. (Jest takes a share over 100 % for a number of workers.)
  maxWorkers: 2 * availableParallelism(),
  // Beyond the bounds that waits have of their own: these say what was waited for.
  testTimeout: 240_000,
};
