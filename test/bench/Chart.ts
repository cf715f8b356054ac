/** An axis, with its unit in the title. */
export interface Axis {
  readonly title: string;
  readonly scale: 'linear' | 'log2' | 'log10';
}

/** A chart of curves. JSON-safe. */
export interface Chart {
  /** The file's name, without what follows the dot. */
  readonly name: string;
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly curves: readonly Curve[];
}

export interface Curve {
  readonly label: string;
  /** From left to right. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** How a figure in milliseconds or the like grows with the number of clients at once. */
export function chartByClients(name: string, title: string, unit: string, curves: readonly Curve[]): Chart {
  return {
    name,
    title,
    x: { title: 'clients at once', scale: 'log2' },
    y: { title: unit, scale: 'linear' },
    curves,
  };
}

/** How a figure grows with the number of inspectors attached. */
export function chartByInspectors(
  name: string,
  title: string,
  unit: string,
  curves: readonly Curve[],
): Chart {
  return {
    name,
    title,
    x: { title: 'inspectors', scale: 'linear' },
    y: { title: unit, scale: 'linear' },
    curves,
  };
}
