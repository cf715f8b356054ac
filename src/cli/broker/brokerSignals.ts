// Imported first of all: by default either signal would end the process, and leave its backends behind.

/** What an operator asks a running broker for: to read its configuration again, and to attach or detach the viewer. */
export type BrokerSignal = 'SIGHUP' | 'SIGUSR2';

const SIGNALS: readonly BrokerSignal[] = process.platform === 'win32' ? ['SIGHUP'] : ['SIGHUP', 'SIGUSR2'];

const waiting = new Set<BrokerSignal>();
let taker: ((signal: BrokerSignal) => void) | undefined;

function onSignal(signal: BrokerSignal): void {
  if (taker !== undefined) {
    taker(signal);
    return;
  }
  // A second SIGUSR2 takes the first one back; a second SIGHUP asks for no more than the first.
  const isTakenBack = signal === 'SIGUSR2' && waiting.delete(signal);
  if (!isTakenBack) waiting.add(signal);
}

/** Gives the signals that wait, and those that come, to `take` instead of whoever had them before. */
export function takeSignals(take: (signal: BrokerSignal) => void): void {
  taker = take;
  for (const signal of waiting) {
    waiting.delete(signal);
    take(signal);
  }
}

// Until the process's end: what comes between the last line of the broker and that must not end it differently.
if (process.argv[2] === 'broker') for (const signal of SIGNALS) process.on(signal, onSignal);
