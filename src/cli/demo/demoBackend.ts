import { serveBackend } from '../../backend';

// A backend process of the demo. It echoes every byte; its argument selects its behaviour in handoff.

// Longer than the demo's broker waits: the whole process stands still, as one does that computes.
const SILENT_MS = 300;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

async function main(behaviour: string | undefined): Promise<void> {
  await serveBackend({
    onConnection: (socket) => {
      // The client has left.
      socket.on('error', () => socket.destroy());
      socket.pipe(socket);
    },
    refuseHandoff: () => {
      if (behaviour === 'silent') Atomics.wait(sleeper, 0, 0, SILENT_MS);
      return behaviour === 'refusing' || behaviour === 'silent' ? 'permission' : undefined;
    },
    surviveBroker: false,
  });
}

void main(process.argv[2]);
