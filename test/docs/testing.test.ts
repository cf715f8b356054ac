import { readExplained } from '../mutation/explainedSurvivors';
import { shownSurvivors, survivorsTable } from '../mutation/testingPage';

it('the page on the tests shows every mutant that may survive, and why', () => {
  // Otherwise: npm run test:mutation -- --docs
  expect(shownSurvivors()).toBe(survivorsTable(readExplained()));
});
