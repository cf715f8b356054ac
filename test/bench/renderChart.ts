import { init } from 'echarts';
import type { Axis, Chart } from './Chart';

const WIDTH = 760;
const HEIGHT = 360;

/** Colours that stand out from GitHub's own backgrounds, and apart from each other for the colour-blind. */
const THEMES = {
  light: { text: '#1f2328', faint: '#d1d9e0', curves: ['#0969da', '#bc4c00', '#1a7f37', '#8250df'] },
  dark: { text: '#f0f6fc', faint: '#3d444d', curves: ['#4493f8', '#f0883e', '#3fb950', '#ab7df8'] },
} as const;

export type ChartTheme = keyof typeof THEMES;
export const CHART_THEMES = Object.keys(THEMES) as ChartTheme[];

function scaleOf({ scale }: Axis): { type: 'value' } | { type: 'log'; logBase: number } {
  return scale === 'linear' ? { type: 'value' } : { type: 'log', logBase: scale === 'log2' ? 2 : 10 };
}

/** A chart as SVG, with a transparent background. */
export function renderChart({ title, x, y, curves }: Chart, theme: ChartTheme): string {
  const { text, faint, curves: colours } = THEMES[theme];
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  const lines = { axisLine: { lineStyle: { color: faint } }, splitLine: { lineStyle: { color: faint } } };
  const words = {
    nameTextStyle: { color: text },
    axisLabel: { color: text, formatter: (value: number) => value.toLocaleString('en-US') },
  };
  chart.setOption({
    animation: false,
    backgroundColor: 'transparent',
    color: [...colours],
    // Without quotes, which the renderer would put into an attribute as they are.
    textStyle: { fontFamily: '-apple-system, Segoe UI, Noto Sans, Helvetica, Arial, sans-serif' },
    title: { text: title, left: 'center', textStyle: { color: text, fontSize: 15 } },
    legend: { bottom: 0, itemGap: 24, textStyle: { color: text } },
    grid: { left: 64, right: 32, top: 56, bottom: 72 },
    xAxis: {
      ...scaleOf(x),
      max: 'dataMax',
      name: x.title,
      nameLocation: 'middle',
      nameGap: 28,
      ...lines,
      ...words,
      splitLine: { show: false },
    },
    yAxis: {
      ...scaleOf(y),
      name: y.title,
      ...lines,
      ...words,
    },
    series: curves.map(({ label, points }) => ({
      type: 'line',
      name: label,
      silent: true,
      data: points.map((point) => [...point]),
      symbolSize: 7,
      lineStyle: { width: 2.5 },
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
