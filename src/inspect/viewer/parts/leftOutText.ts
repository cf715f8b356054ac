import type { LeftOut, LeftOutReason } from '../../messages/LeftOut';

const TEXTS: Readonly<Record<LeftOutReason, string>> = {
  malformed: 'malformed messages',
  tooLarge: 'messages over 1 MiB',
  tooDeep: 'messages nested too deep',
  tooManyActors: 'messages beyond 10,000 actors of one sender',
  tooMuchKept: 'messages beyond the memory bound',
  unreadable: 'messages of unreadable actors',
  connections: 'connections closed to make room',
  peers: 'connections closed for breaking the protocol or not reading',
};

/** The refusals as text: “3 messages over 1 MiB, 1 …”. */
export function leftOutText(leftOut: LeftOut): string {
  return Object.entries(leftOut)
    .map(([reason, count]) => `${count.toLocaleString('en')} ${TEXTS[reason as LeftOutReason]}`)
    .join(', ');
}
