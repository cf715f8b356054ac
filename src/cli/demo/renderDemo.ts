import Table from 'cli-table3';
import type pc from 'picocolors';
import { backendDisplayName } from '../../BackendKey';
import type { BackendStatus } from '../../broker';
import type { DemoSummary } from './DemoSummary';

type Colors = ReturnType<typeof pc.createColors>;

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

function plainTable(
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

/** The table's text; a line ends with its last visible character. */
function textOf(table: Table.Table): string {
  return table.toString().replace(/[ ]+$/gm, '');
}

function stateText(state: BackendStatus['state'], colors: Colors): string {
  switch (state) {
    case 'idle':
      return colors.green('idle');
    case 'attempting':
      return colors.cyan('attempting');
    case 'rateLimited':
      return colors.yellow('rateLimited');
    case 'adopted':
      return colors.magenta('adopted');
  }
}

const STATE_WIDTH = 'rateLimited'.length;
const NUMBER_WIDTHS = ['attempts', 'failures', 'retry after', 'handed off'].map(({ length }) => length);
/** Below this there is no room for the reasons: the total alone is shown. */
const MIN_REASONS_WIDTH = 36;

function reconnectedText({ routes }: BackendStatus, showReasons: boolean): string {
  const entries = Object.entries(routes.reconnected);
  if (!showReasons) return String(entries.reduce((sum, [, count]) => sum + count, 0));
  return entries.map(([reason, count]) => `${count} ${reason}`).join(', ') || '-';
}

/** The live table: a row for each backend, at most `width` columns wide where that is possible. */
export function renderBackends(
  backends: readonly BackendStatus[],
  maxFailures: number,
  width: number,
  colors: Colors,
): string {
  const names = backends.map(({ backend }) => backendDisplayName(backend));
  const widths = [
    Math.max(...names.map(({ length }) => length), 'backend'.length),
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
  for (const [index, status] of backends.entries()) {
    const { window, state } = status;
    table.push([
      names[index],
      stateText(state, colors),
      status.attempts,
      `${window?.failedAttempts ?? 0}/${maxFailures}`,
      window && state === 'rateLimited' ? `${(window.remainingMs / 1_000).toFixed(1)} s` : '-',
      status.routes.handedOff,
      reconnectedText(status, showReasons),
    ]);
  }
  return textOf(table);
}

function bytes(count: number): string {
  return `${count.toLocaleString('en-US')} bytes`;
}

/** The summary at the end, for people. */
export function renderSummary(summary: DemoSummary, colors: Colors): string {
  const table = plainTable([], ['left', 'right', 'left'], colors);
  const row = (name: string, count: number, note = ''): void => {
    table.push([name, count.toLocaleString('en-US'), note]);
  };
  const latency = (median: number | null): string =>
    median === null ? '' : `median ${median.toFixed(2)} ms to the first reply byte`;
  row('connections', summary.connections, `in ${(summary.durationMs / 1_000).toFixed(1)} s`);
  row('handed off', summary.handedOff, latency(summary.medianMs.handedOff));
  const reconnected = Object.values(summary.reconnected).reduce((sum, count) => sum + count, 0);
  row('reconnected', reconnected, latency(summary.medianMs.reconnected));
  for (const [reason, count] of Object.entries(summary.reconnected)) row(colors.dim(`  ${reason}`), count);
  row('client errors', summary.clientErrors, summary.lastError ?? '');
  const verdict =
    summary.clientErrors === 0 && summary.bytesLost === 0
      ? colors.green('No client saw an error, and every byte came back once and in order.')
      : colors.red('Clients saw errors or lost bytes: see above.');
  return [
    textOf(table),
    '',
    `sent ${bytes(summary.bytesSent)}, came back ${bytes(summary.bytesReceived)}, lost ${bytes(summary.bytesLost)}`,
    verdict,
  ].join('\n');
}
