import { WebSocket } from 'ws';

// A process of its own, so that reading costs the measured one nothing: watches a relay as `count` pages would.
const [url = '', count = '1'] = process.argv.slice(2);

let received = 0;
for (let n = 0; n < Number(count); n++) {
  new WebSocket(`${url.replace('http', 'ws')}?batched`).on('message', () => {
    received++;
    if (received % Number(count) === 0) process.send?.('received');
  });
}
process.once('disconnect', () => process.exit());
