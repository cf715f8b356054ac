import { readExplained } from '../mutation/explainedSurvivors';
import { shownSurvivors, survivorsTable } from '../mutation/testingPage';

it('docs/testing.md lists every explained survivor', () => {
  // Otherwise: npm run test:mutation -- --docs
  expect(shownSurvivors()).toBe(survivorsTable(readExplained()));
});
