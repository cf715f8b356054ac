import { decisions } from './decisions';
import { garbage } from './garbage';
import { hostile } from './hostileSection';
import { inspectors } from './inspectorsSection';
import { memory } from './memory';
import { peers } from './peers';
import { routes } from './routesSection';
import type { Section } from './Section';
import { viewer } from './viewerSection';
import { windowEnds } from './windowEnds';

/** All of `npm run bench`, in the order in which it runs and is printed. */
export const SECTIONS: readonly Section[] = [
  decisions,
  peers,
  memory,
  garbage,
  windowEnds,
  routes,
  hostile,
  inspectors,
  viewer,
];
