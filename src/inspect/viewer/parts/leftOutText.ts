import type { LeftOut, LeftOutReason } from '../../messages/LeftOut';

const TEXTS: Readonly<Record<LeftOutReason, string>> = {
  malformed: 'messages that are none of @statelyai/inspect',
  tooLarge: 'messages over 1 MiB',
  tooDeep: 'messages nested too deep',
  tooManyActors: 'messages of actors over 10,000 of one sender',
  tooMuchKept: 'messages whose state is too much to be kept',
  unreadable: 'messages of actors that could not be read',
  connections: 'connections closed to make room',
  peers: 'peers closed that broke the protocol or did not read',
};

/** What the relay refused, for people: “3 messages over 1 MiB, 1 …”. */
export function leftOutText(leftOut: LeftOut): string {
  return Object.entries(leftOut)
    .map(([reason, count]) => `${count.toLocaleString('en')} ${TEXTS[reason as LeftOutReason]}`)
    .join(', ');
}
