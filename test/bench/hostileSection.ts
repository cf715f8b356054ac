import { benchHostile, type HostileRow } from './hostile';
import { section, showNumber } from './Section';

const LENGTH = { rounds: 3, seconds: 1 };
const QUICK_LENGTH = { rounds: 1, seconds: 0.5 };

export const hostile = section<readonly HostileRow[]>({
  name: 'hostile',
  title: 'Healthy clients among hostile peers',
  about:
    'Milliseconds from the connect to the last byte of the reply, with 64 attackers and 32 places at the broker and at the backend. ' +
    'The attackers use processor time of the same machine.',

  run: ({ quick }) => benchHostile(quick ? QUICK_LENGTH : LENGTH),

  table(rows) {
    return {
      head: ['attack', 'P50: calm', 'attacked', 'P99: calm', 'attacked', 'clients served', 'failures'],
      rows: rows.map(({ attack, target, calm, attacked, failures }) => [
        `${attack}, at the ${target}`,
        showNumber(calm.p50Ms),
        showNumber(attacked.p50Ms),
        showNumber(calm.p99Ms),
        showNumber(attacked.p99Ms),
        String(attacked.clients),
        String(failures),
      ]),
    };
  },

  targets: (rows) => [
    {
      what: 'healthy clients with an error or wrong bytes among hostile peers',
      bound: { atMost: 0 },
      unit: 'clients',
      measured: rows.reduce((sum, { failures }) => sum + failures, 0),
    },
  ],
});
