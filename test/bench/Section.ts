import type { Chart } from './Chart';

/** How long to look. */
export interface BenchOptions {
  /** Fewer and shorter rounds: all sections together end in under two minutes. */
  readonly quick: boolean;
  /** Rounds of which a figure is the median: at least 7. */
  readonly rounds: number;
}

/** One table of figures, as it is printed and as it stands in the docs. */
export interface Figures {
  readonly head: readonly string[];
  /** Columns but the first are numbers, already written for people. */
  readonly rows: readonly (readonly string[])[];
}

/** Something that was asked for, beside what was measured. */
export interface Target {
  readonly what: string;
  /** The most that is allowed, or the least, in `unit`. */
  readonly bound: { readonly atMost: number } | { readonly atLeast: number } | { readonly below: number };
  readonly unit: string;
  readonly measured: number;
}

/** A part of `npm run bench`. Its data is what `--json` prints, so it is JSON-safe. */
export interface SectionDefinition<Data> {
  /** What `--section` takes. */
  readonly name: string;
  readonly title: string;
  /** How it was measured, in one or two sentences of Markdown. */
  readonly about: string;
  run(options: BenchOptions): Promise<Data>;
  table(data: Data): Figures;
  charts?(data: Data): readonly Chart[];
  targets?(data: Data): readonly Target[];
}

/** What a section found. JSON-safe, since each section runs in a process of its own. */
export interface SectionResult {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly data: unknown;
  readonly table: Figures;
  readonly charts: readonly Chart[];
  readonly targets: readonly Target[];
}

/** A section whose kind of data is its own affair. */
export interface Section {
  readonly name: string;
  run(options: BenchOptions): Promise<SectionResult>;
}

export function section<Data>(definition: SectionDefinition<Data>): Section {
  const { name, title, about } = definition;
  return {
    name,
    async run(options) {
      const data = await definition.run(options);
      return {
        name,
        title,
        about,
        data,
        table: definition.table(data),
        charts: definition.charts?.(data) ?? [],
        targets: definition.targets?.(data) ?? [],
      };
    },
  };
}

export function isMet({ bound, measured }: Target): boolean {
  if ('atMost' in bound) return measured <= bound.atMost;
  return 'below' in bound ? measured < bound.below : measured >= bound.atLeast;
}

/** The bound in words. */
export function showBound({ bound, unit }: Target): string {
  if ('atMost' in bound) return `≤ ${showNumber(bound.atMost)} ${unit}`;
  return 'below' in bound ? `< ${showNumber(bound.below)} ${unit}` : `≥ ${showNumber(bound.atLeast)} ${unit}`;
}

/** A figure with three digits that count. */
export function showNumber(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: value >= 1_000 ? 4 : 3 });
}

export function showCount(value: number): string {
  return value.toLocaleString('en-US');
}
