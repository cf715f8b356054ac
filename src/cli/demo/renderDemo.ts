import { plainTable, textOf } from '../backendTable';
import type { Colors } from '../colorsFor';
import type { DemoSummary } from './DemoSummary';

function bytes(count: number): string {
  return `${count.toLocaleString('en-US')} bytes`;
}

/** The summary as text. */
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
