import { serveBackend } from '../../backend';

// A backend process of the demo: it sends every byte back, and behaves in handoff as its argument says.

async function main(behaviour: string | undefined): Promise<void> {
  await serveBackend({
    onConnection: (socket) => {
      // A client that is gone needs no reply.
      socket.on('error', () => socket.destroy());
      socket.pipe(socket);
    },
    refuseHandoff: () => (behaviour === 'refusing' ? 'permission' : undefined),
    surviveBroker: false,
  });
  // Serves its endpoint but never looks at its channel, as a program that knows nothing of handoff.
  if (behaviour === 'silent') process.removeAllListeners('message');
}

void main(process.argv[2]);
