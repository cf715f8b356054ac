import { serveBackend } from '../../../src/backend';
import { takeOrders } from './control';

// The backend process of the bench: `backend.js DIRECTORY`. It answers a request when it has come whole, and ends.

const REPLY = Buffer.alloc(64, 'r');
/** More than a long run has connections in a minute: refused ones would not be measured. */
const MAX_CLAIMS = 4_000_000;

async function main([directory = '']: readonly string[]): Promise<void> {
  const backend = await serveBackend({
    maxClaims: MAX_CLAIMS,
    surviveBroker: false,
    onConnection: (socket) => {
      let length: number | undefined;
      let received = 0;
      socket.on('data', (chunk) => {
        // Sent in one write, so never in a piece of less than 4 bytes.
        length ??= chunk.readUInt32BE(0);
        received += chunk.length;
        if (received === length) socket.end(REPLY);
      });
    },
  });
  const control = takeOrders(directory, 'backend', {
    onStop: () => {
      control.destroy();
      void backend.close();
    },
  });
  // Its broker ends this process; the bench's orders must not keep it.
  control.unref();
}

void main(process.argv.slice(2));
