import { compile } from './compiled';

// Before all suites: what they start is compiled once.
export = (): void => void compile();
