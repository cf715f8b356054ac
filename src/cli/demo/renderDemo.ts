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

function plainTable(head: string[], aligned: ('left' | 'right')[], colors: Colors) {
  return new Table({
    head: head.map((text) => colors.dim(text)),
    chars: BARE,
    colAligns: aligned,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 1 },
  });
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

function routesText({ routes }: BackendStatus): string {
  const reasons = Object.entries(routes.reconnected).map(([reason, count]) => `${count} ${reason}`);
  return reasons.join(', ') || '-';
}

/** The live table: a row for each backend. */
export function renderBackends(
  backends: readonly BackendStatus[],
  maxFailures: number,
  colors: Colors,
): string {
  const table = plainTable(
    [
      'backend',
      'chart state',
      'attempts',
      'in flight',
      'failures',
      'retry after',
      'handed off',
      'reconnected, by reason',
    ],
    ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'left'],
    colors,
  );
  for (const status of backends) {
    const { window, state } = status;
    table.push([
      backendDisplayName(status.backend),
      stateText(state, colors),
      status.attempts,
      status.inFlight,
      `${window?.failedAttempts ?? 0}/${maxFailures}`,
      window && state === 'rateLimited' ? `${(window.remainingMs / 1_000).toFixed(1)} s` : '-',
      status.routes.handedOff,
      routesText(status),
    ]);
  }
  return table.toString();
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
    table.toString(),
    '',
    `sent ${bytes(summary.bytesSent)}, came back ${bytes(summary.bytesReceived)}, lost ${bytes(summary.bytesLost)}`,
    verdict,
  ].join('\n');
}
