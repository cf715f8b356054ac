/** Sizes that the layout and the style sheet must agree on, in CSS pixels. */
export const CHART_METRICS = {
  boxHeader: 34,
  boxPadding: 14,
  rowHeight: 21,
  blockPadding: 6,
  labelPadding: 8,
  labelLine: 17,
  /** Beside a line's text: its number, its marks and the space around. */
  rowMargin: 56,
  /** The mark in front of a delay, or what is left of it. */
  clock: 50,
  gap: 12,
  dot: 12,
} as const;

/** Fonts of the chart's texts, as a canvas and a style sheet write them. */
export const CHART_FONTS = {
  title: '650 14.5px "Inter Variable", system-ui, sans-serif',
  row: '500 12.5px "Inter Variable", system-ui, sans-serif',
} as const;

/** A text's width in CSS pixels. */
export type MeasureText = (text: string, font: string) => number;
