import type { ChildProcess } from 'node:child_process';
import type { BrokerOptions, HandoffChannelListener } from '../../../src/broker';
import { createScmRightsTransport } from '../../../src/broker';
import { changeChannel } from './changeChannel';

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
  return {
    ...options,
    transport: {
      ...transport,
      open(child, listener) {
        delayEvents(child, delayMs);
        let isRead = false;
        const late: HandoffChannelListener = {
          onAnswer: (answer) => void setTimeout(() => listener.onAnswer(answer), delayMs),
          onClosed: () =>
            void setTimeout(() => {
              isRead = true;
              listener.onClosed();
            }, delayMs),
        };
        const delayed = changeChannel(transport, (channel) => {
          const answers = channel.isOpen === true;
          return {
            get isOpen() {
              return answers && !isRead;
            },
          };
        });
        return delayed.open(child, late);
      },
    },
  };
}

/** What it says first, that it listens, has come by then: from there on. */
function delayEvents(child: ChildProcess, delayMs: number): void {
  const emit: (name: string | symbol, ...values: unknown[]) => boolean = child.emit.bind(child);
  child.emit = (name: string | symbol, ...values: unknown[]): boolean => {
    if (!TOLD_LATE.includes(name)) return emit(name, ...values);
    setTimeout(() => emit(name, ...values), delayMs);
    return true;
  };
}
