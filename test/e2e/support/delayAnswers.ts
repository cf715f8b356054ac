import type { ChildProcess } from 'node:child_process';
import type { BrokerOptions } from '../../../src/broker';
import { createScmRightsTransport } from '../../../src/broker';

/** Milliseconds by which everything that a backend says reaches its broker later. Unset: as it comes. */
const { HANDOFF_TEST_ANSWER_DELAY_MS } = process.env;
const TOLD_LATE: readonly (string | symbol)[] = ['message', 'disconnect', 'exit', 'close'];

/**
 * The options, with all that a backend says delayed inside the broker if the variable `HANDOFF_TEST_ANSWER_DELAY_MS` says
 * so. Then a test that reads the broker's state right after a client's promise fails each time, and not only on a busy
 * machine. A transport that a test brings stays as it is: it may be the mistake that the test is about.
 */
export function delayAnswers(options: Partial<BrokerOptions>): Partial<BrokerOptions> {
  if (HANDOFF_TEST_ANSWER_DELAY_MS === undefined || 'transport' in options) return options;
  const delayMs = Number(HANDOFF_TEST_ANSWER_DELAY_MS);
  const transport = createScmRightsTransport();
  const later = (tell: () => void): void => void setTimeout(tell, delayMs);
  return {
    ...options,
    transport: {
      ...transport,
      open(target, listener) {
        if (target.child !== undefined) delayEvents(target.child, later);
        return transport.open(target, {
          onAnswer: (answer) => later(() => listener.onAnswer(answer)),
          onReport: (openConnections) => later(() => listener.onReport(openConnections)),
          onClosed: () => later(() => listener.onClosed()),
        });
      },
    },
  };
}

/** All but what comes before the channel is opened. */
function delayEvents(child: ChildProcess, later: (tell: () => void) => void): void {
  const emit: (name: string | symbol, ...values: unknown[]) => boolean = child.emit.bind(child);
  child.emit = (name: string | symbol, ...values: unknown[]): boolean => {
    if (!TOLD_LATE.includes(name)) return emit(name, ...values);
    later(() => emit(name, ...values));
    return true;
  };
}
