import { serveBackend } from '../../backend';

// A backend process of the demo. It echoes every byte; its argument selects its behaviour in handoff.

async function main(behaviour: string | undefined): Promise<void> {
  await serveBackend({
    onConnection: (socket) => {
      // The client has left.
      socket.on('error', () => socket.destroy());
      socket.pipe(socket);
    },
    refuseHandoff: () => (behaviour === 'refusing' ? 'permission' : undefined),
    surviveBroker: false,
  });
  // Serves its endpoint but ignores its channel, like a program without handoff support.
  if (behaviour === 'silent') process.removeAllListeners('message');
}

void main(process.argv[2]);
