// Import this before anything else: by default either signal would end the process and leave its backends behind.

/** An operator's signal: SIGHUP reloads the configuration, SIGUSR2 attaches or detaches the viewer. */
export type BrokerSignal = 'SIGHUP' | 'SIGUSR2';

const SIGNALS: readonly BrokerSignal[] = process.platform === 'win32' ? ['SIGHUP'] : ['SIGHUP', 'SIGUSR2'];

const waiting = new Set<BrokerSignal>();
let taker: ((signal: BrokerSignal) => void) | undefined;

function onSignal(signal: BrokerSignal): void {
  if (taker !== undefined) {
    taker(signal);
    return;
  }
  // A second SIGUSR2 cancels the first; a second SIGHUP adds nothing.
  const isTakenBack = signal === 'SIGUSR2' && waiting.delete(signal);
  if (!isTakenBack) waiting.add(signal);
}

/** Passes waiting and future signals to `take`, which replaces an earlier one. */
export function takeSignals(take: (signal: BrokerSignal) => void): void {
  taker = take;
  for (const signal of waiting) {
    waiting.delete(signal);
    take(signal);
  }
}

// Never removed: a signal just before the process's end must not change its exit status.
if (process.argv[2] === 'broker') for (const signal of SIGNALS) process.on(signal, onSignal);
