import { section, showCount, showNumber } from './Section';
import { benchViewer, type ViewerFigures } from './viewer';

const SECONDS = 20;
const QUICK_SECONDS = 5;

export const viewer = section<ViewerFigures>({
  name: 'viewer',
  title: 'The viewer under load',
  about: 'The viewer in a real browser on the same machine; all backends change.',

  run: ({ quick }) => benchViewer({ seconds: quick ? QUICK_SECONDS : SECONDS }),

  table({ backends, eventsPerSecond, framesPerSecond, longestFrameMs, firstChartMs }) {
    return {
      head: [`${showCount(backends)} backends`, ''],
      rows: [
        ['events per second', showNumber(eventsPerSecond)],
        ['frames per second', showNumber(framesPerSecond)],
        ['longest frame, ms', showNumber(longestFrameMs)],
        ['first chart, ms', showNumber(firstChartMs)],
      ],
    };
  },

  targets: ({ backends, eventsPerSecond, framesPerSecond }) => [
    {
      what: `frame rate of the viewer with ${showCount(backends)} backends and ${showCount(Math.round(eventsPerSecond))} events per second`,
      bound: { atLeast: 30 },
      unit: 'frames/s',
      measured: framesPerSecond,
    },
  ],
});
