import { chartByInspectors } from './Chart';
import { benchInspectors, type InspectorFigures } from './inspectors';
import { section, showCount, showNumber } from './Section';

// What two controllers that are alike differ by, at the most, on a machine that does other work too.
const UNMEASURABLE = 1.05;

function viewersName(viewers: number | undefined): string {
  return viewers === undefined ? 'without `inspect`' : `a relay, viewers: ${viewers}`;
}

export const inspectors = section<InspectorFigures>({
  name: 'inspectors',
  title: 'A decision with viewers',
  about:
    'Nanoseconds for which the caller waits, and of CPU time including the messages to the viewers. The ratio compares the CPU time with ' +
    'a controller without `inspect`.',

  run: ({ rounds }) => benchInspectors({ rounds }),

  table({ backends, rows, noiseRatio }) {
    return {
      head: [`${showCount(backends)} backends`, 'caller waits', 'CPU time', 'ratio'],
      rows: [
        ...rows.map(({ viewers, nanoseconds, cpuNanoseconds, ratio }) => [
          viewersName(viewers),
          showNumber(nanoseconds),
          showNumber(cpuNanoseconds),
          `${showNumber(ratio)} ×`,
        ]),
        ['without `inspect`, compared with itself: noise', '', '', `${showNumber(noiseRatio)} ×`],
      ],
    };
  },

  charts({ rows }) {
    const curve = (label: string, of: (row: InspectorFigures['rows'][number]) => number) => ({
      label,
      points: rows.flatMap((row) => (row.viewers === undefined ? [] : [[row.viewers, of(row)] as const])),
    });
    return [
      chartByInspectors('decision-by-inspectors', 'A decision by number of viewers that watch', 'ns', [
        curve('caller waits', ({ nanoseconds }) => nanoseconds),
        curve('CPU time', ({ cpuNanoseconds }) => cpuNanoseconds),
      ]),
    ];
  },

  targets({ rows }) {
    const unwatched = rows.find(({ viewers }) => viewers === 0);
    return unwatched === undefined
      ? []
      : [
          {
            what: 'a decision with a relay and no viewer, compared with one without `inspect`',
            bound: { atMost: UNMEASURABLE },
            unit: '×',
            measured: unwatched.ratio,
          },
        ];
  },
});
