import type { ChartState, ChartTransition } from './Chart';
import type { BlockRow } from './ChartDrawing';

/** Whether a transition is a line in its source's block: all targets are the source or states in it, or there are none. */
export function standsInBlock(transition: ChartTransition, source: ChartState): boolean {
  return transition.targets.every((target) => target === source.id || isWithin(target, source));
}

function isWithin(id: string, state: ChartState): boolean {
  return state.children.some((child) => child.id === id || isWithin(id, child));
}

/** The lines of a state's block. Several transitions for one event are numbered in their order of precedence. */
export function blockRows(state: ChartState): BlockRow[] {
  const notes: BlockRow[] = [
    ...notesOf('tags', state.tags.length > 0 ? [state.tags.join(', ')] : []),
    ...notesOf('invoke', state.invokes),
    ...notesOf('entry', state.entry),
    ...notesOf('exit', state.exit),
    ...notesOf('output', state.output === undefined ? [] : [state.output]),
    ...notesOf(CUT_LABEL, state.cut.length > 0 ? [state.cut.join(', ')] : []),
  ];
  const groups = new Map<string, ChartTransition[]>();
  for (const transition of state.transitions) {
    groups.set(transition.event, [...(groups.get(transition.event) ?? []), transition]);
  }
  const rows = [...groups.values()].flatMap((group): BlockRow[] => {
    const inBlock = group.filter((transition) => standsInBlock(transition, state));
    const [first] = inBlock;
    if (!first) return [];
    if (group.length === 1) return [{ kind: 'transition', transition: first, order: undefined }];
    return [
      { kind: 'event', text: first.label },
      ...inBlock.map(
        (transition) => ({ kind: 'transition', transition, order: group.indexOf(transition) + 1 }) as const,
      ),
    ];
  });
  return [...notes, ...rows];
}

/** The label of the line that says what the sender cut. */
export const CUT_LABEL = 'not sent';

function notesOf(label: string, texts: readonly string[]): BlockRow[] {
  return texts.map((text) => ({ kind: 'note', label, text }));
}

/** A block with more lines is split in two columns, to keep charts low. */
const MAX_COLUMN_ROWS = 8;

/** A block's lines in one or two columns; lines of one event stay together. */
export function blockColumns(state: ChartState): readonly (readonly BlockRow[])[] {
  const rows = blockRows(state);
  if (rows.length === 0) return [];
  if (rows.length <= MAX_COLUMN_ROWS || state.children.length === 0) return [rows];
  const startsGroup = (row: BlockRow) => row.kind !== 'transition' || row.order === undefined;
  const breaks = rows.flatMap((row, index) => (index > 0 && startsGroup(row) ? [index] : []));
  const longer = (at: number) => Math.max(at, rows.length - at);
  const at = breaks.reduce((best, place) => (longer(place) < longer(best) ? place : best), rows.length);
  return at === rows.length ? [rows] : [rows.slice(0, at), rows.slice(at)];
}

/** A longer text is split, to keep charts narrow. */
const MAX_LABEL_CHARACTERS = 19;

/** An edge's text: the event, then the guard. An eventless transition has only its guard. */
export function labelLines(transition: ChartTransition): readonly LabelLine[] {
  const { kind, label, guard } = transition;
  const lines = (text: string, isGuard: boolean) => breakText(text).map((line) => ({ text: line, isGuard }));
  const rest = [
    ...(guard === undefined ? [] : lines(`[${guard}]`, true)),
    ...(transition.missingTargets.length === 0 ? [] : lines(missingText(transition).trim(), true)),
  ];
  if (kind === 'always') return guard === undefined ? [...lines('always', true), ...rest] : rest;
  return [...lines(kind === 'after' ? `after ${label}` : label, false), ...rest];
}

export interface LabelLine {
  readonly text: string;
  readonly isGuard: boolean;
}

/** Splits a long name between words, into parts of similar length. */
function breakText(text: string): string[] {
  if (text.length <= MAX_LABEL_CHARACTERS) return [text];
  const breaks = [...text.matchAll(/[a-z0-9](?=[A-Z])|[ .(_-](?=\w)/g)].map(({ index }) => index + 1);
  if (breaks.length === 0) return [text];
  const middle = text.length / 2;
  const at = breaks.reduce((best, place) =>
    Math.abs(place - middle) < Math.abs(best - middle) ? place : best,
  );
  return [...breakText(text.slice(0, at).trimEnd()), ...breakText(text.slice(at))];
}

/** A line's text, without its marks. */
export function rowText(row: BlockRow): string {
  if (row.kind === 'event') return row.text;
  if (row.kind === 'note') return `${row.label} ${row.text}`;
  const { transition, order } = row;
  const leads = missingText(transition);
  if (order !== undefined) return `${transition.guard ?? 'otherwise'}${leads}`;
  return `${transition.label}${transition.guard === undefined ? '' : ` [${transition.guard}]`}${leads}`;
}

/** The targets of a transition that can't be drawn, with an arrow before them. */
export function missingText({ missingTargets }: ChartTransition): string {
  return missingTargets.length === 0 ? '' : ` → ${missingTargets.join(', ')}`;
}
