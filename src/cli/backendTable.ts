import Table from 'cli-table3';
import { BACKEND_HANDOFF_STATES, type StateWords, type Tone } from '../../machines/vocabulary';
import type { BackendStatus } from '../broker';
import { backendDisplayName } from '../controller/BackendKey';
import type { Colors } from './colorsFor';

/** The content of a row. */
export interface BackendRow {
  readonly name: string;
  /** The chart's state, or the process's state while it isn't ready. */
  readonly state: string;
  readonly attempts: number;
  readonly failures: number;
  /** Milliseconds. Omitted unless the backend is rate-limited. */
  readonly retryAfterMs?: number | undefined;
  readonly handedOff: number;
  /** Reconnects by reason. */
  readonly reconnected: Readonly<Record<string, number>>;
}

const BARE = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** A table without borders. */
export function plainTable(
  head: string[],
  columns: readonly ('left' | 'right')[],
  colors: Colors,
  widths: number[] = [],
) {
  return new Table({
    head: head.map((text) => colors.dim(text)),
    chars: BARE,
    colAligns: [...columns],
    colWidths: widths,
    wordWrap: true,
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
  });
}

/** A table's text, without trailing blanks. */
export function textOf(table: Table.Table): string {
  return table.toString().replace(/[ ]+$/gm, '');
}

const TONE_COLORS = {
  calm: 'green',
  busy: 'cyan',
  held: 'yellow',
  foreign: 'magenta',
  failed: 'red',
} as const satisfies Record<Tone, keyof Colors>;

function stateText(state: string, colors: Colors): string {
  const words: Readonly<Partial<Record<string, StateWords>>> = BACKEND_HANDOFF_STATES;
  return colors[TONE_COLORS[words[state]?.tone ?? 'failed']](state);
}

const STATE_WIDTH = Math.max(...Object.keys(BACKEND_HANDOFF_STATES).map(({ length }) => length));
const NUMBER_WIDTHS = ['attempts', 'failures', 'retry after', 'handed off'].map(({ length }) => length);
/** With less space than this, show the total of reconnects instead of the reasons. */
const MIN_REASONS_WIDTH = 36;

function reconnectedText({ reconnected }: BackendRow, showReasons: boolean): string {
  const entries = Object.entries(reconnected);
  if (!showReasons) return String(entries.reduce((sum, [, count]) => sum + count, 0));
  return entries.map(([reason, count]) => `${count} ${reason}`).join(', ') || '-';
}

/** The rows of a broker's backends. */
export function toRows(backends: readonly BackendStatus[]): BackendRow[] {
  return backends.map(({ backend, state, process, attempts, window, routes }) => ({
    name: backendDisplayName(backend),
    state: process === 'ready' ? state : process,
    attempts,
    failures: window?.failedAttempts ?? 0,
    retryAfterMs: state === 'rateLimited' ? window?.remainingMs : undefined,
    handedOff: routes.handedOff,
    reconnected: { ...routes.reconnected },
  }));
}

/** A table with a row for each backend, at most `width` columns wide if possible. */
export function backendTable(
  rows: readonly BackendRow[],
  maxFailures: number,
  width: number,
  colors: Colors,
): string {
  const widths = [
    Math.max(...rows.map(({ name }) => name.length), 'backend'.length),
    STATE_WIDTH,
    ...NUMBER_WIDTHS,
  ];
  const left = width - widths.reduce((sum, one) => sum + one + BARE.middle.length, 0);
  const showReasons = left >= MIN_REASONS_WIDTH;
  const table = plainTable(
    ['backend', 'chart state', 'attempts', 'failures', 'retry after', 'handed off', 'reconnected'],
    ['left', 'left', 'right', 'right', 'right', 'right', showReasons ? 'left' : 'right'],
    colors,
    [...widths, showReasons ? left : 'reconnected'.length],
  );
  for (const row of rows) {
    table.push([
      row.name,
      stateText(row.state, colors),
      row.attempts,
      `${row.failures}/${maxFailures}`,
      row.retryAfterMs === undefined ? '-' : `${(row.retryAfterMs / 1_000).toFixed(1)} s`,
      row.handedOff,
      reconnectedText(row, showReasons),
    ]);
  }
  return textOf(table);
}
