import type { MeasureText } from './chartMetrics';

/** Measures text with this page's fonts. */
export function createMeasure(): MeasureText {
  const context = document.createElement('canvas').getContext('2d');
  return (text, font) => {
    if (!context) return text.length * 8;
    context.font = font;
    return Math.ceil(context.measureText(text).width);
  };
}
