/** Sizes that the layout and the style sheet must agree on, in CSS pixels. */
export const CHART_METRICS = {
  boxHeader: 34,
  boxPadding: 14,
  rowHeight: 21,
  blockPadding: 6,
  labelPadding: 8,
  labelLine: 17,
  /** Space of a line's number, marks and margins. */
  rowMargin: 56,
  /** Space of the mark before a delay, or of the countdown. */
  clock: 50,
  gap: 12,
  dot: 12,
} as const;

/** Fonts of the chart's texts, in CSS notation; equal to those in the style sheet. */
export const CHART_FONTS = {
  title: '650 14.5px "Inter Variable", system-ui, sans-serif',
  row: '500 12.5px "Inter Variable", system-ui, sans-serif',
} as const;

/** A text's width in CSS pixels. */
export type MeasureText = (text: string, font: string) => number;
