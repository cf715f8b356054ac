import type { Point } from './ChartDrawing';

/** An SVG path through points, with rounded corners. */
export function roundedPath(points: readonly Point[], radius: number): string {
  const [start, ...rest] = points;
  if (!start) return '';
  let path = `M${start.x} ${start.y}`;
  rest.forEach((point, index) => {
    const before = points[index];
    const after = rest[index + 1];
    if (!before || !after) {
      path += `L${point.x} ${point.y}`;
      return;
    }
    const inward = along(point, before, radius);
    const outward = along(point, after, radius);
    path += `L${inward.x} ${inward.y}Q${point.x} ${point.y} ${outward.x} ${outward.y}`;
  });
  return path;
}

/** The point at a distance from one point towards another, at most half of the way. */
function along(from: Point, to: Point, distance: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const part = length === 0 ? 0 : Math.min(distance, length / 2) / length;
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}
