import type { Socket } from 'node:net';
import fc from 'fast-check';
import { PeerConnections } from '../../src/net/PeerConnections';

interface Peer {
  readonly name: string;
  stops: number;
  destroys: number;
}

function create(turn?: () => number) {
  const connections = new PeerConnections(turn);
  const peers: Peer[] = [];
  const add = (): Socket => {
    const peer = { name: `${peers.length}`, stops: 0, destroys: 0 };
    peers.push(peer);
    const socket = Object.assign(peer, {
      destroy: () => {
        peer.destroys += 1;
      },
    }) as unknown as Socket;
    connections.add(socket, () => {
      peer.stops += 1;
    });
    return socket;
  };
  return { connections, peers, add };
}

describe('the open connections of peers, by state', () => {
  it('are all closed at once, in any state', () => {
    const { connections, peers, add } = create(() => 0);
    const [, routed, ending] = [add(), add(), add()] as [Socket, Socket, Socket];
    connections.settle(routed);
    connections.end(ending);
    connections.destroyAll();
    expect(peers.map(({ destroys }) => destroys)).toEqual([1, 1, 1]);
  });

  it('stop waiting together, and are routed then', () => {
    const { connections, peers, add } = create(() => 0);
    const [first, routed, second] = [add(), add(), add()] as [Socket, Socket, Socket];
    connections.settle(routed);
    expect(connections.stopWaiting()).toEqual([first, second]);
    expect(peers.map(({ stops }) => stops)).toEqual([1, 0, 1]);
    expect(connections.size).toBe(3);
    expect(connections.evict()).toBeUndefined();
    expect(connections.stopWaiting()).toEqual([]);
  });

  it('are kept for two turns of the event loop before they can be evicted', async () => {
    const { connections, add } = create();
    const socket = add();
    expect(connections.evict()).toBeUndefined();
    for (let i = 0; i < 4; i += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(connections.evict()).toEqual({ socket, wasWaiting: true });
  });

  it('are counted once each, and not again after removal', () => {
    const step = fc.record({
      call: fc.constantFrom('add', 'settle', 'end', 'delete', 'evict', 'turn'),
      which: fc.nat(5),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let turn = 0;
        const { connections, add } = create(() => turn);
        const sockets: Socket[] = [];
        // In the order of their coming into each place.
        let places: { socket: Socket; place: 'waiting' | 'routed' | 'ending'; since: number }[] = [];
        const move = (socket: Socket | undefined, from: readonly string[], to: 'routed' | 'ending'): void => {
          const found = places.find((one) => one.socket === socket && from.includes(one.place));
          if (found === undefined) return;
          places = [...places.filter((one) => one !== found), { ...found, place: to }];
        };
        for (const { call, which } of steps) {
          const socket = sockets[which % Math.max(1, sockets.length)] as Socket;
          if (call === 'add') {
            const added = add();
            sockets.push(added);
            places.push({ socket: added, place: 'waiting', since: turn });
          } else if (call === 'settle') {
            connections.settle(socket);
            move(socket, ['waiting'], 'routed');
          } else if (call === 'end') {
            connections.end(socket);
            move(socket, ['waiting', 'routed'], 'ending');
          } else if (call === 'delete') {
            connections.delete(socket);
            places = places.filter((one) => one.socket !== socket);
          } else if (call === 'turn') {
            turn += 1;
          } else {
            const waiting = places.find(({ place }) => place === 'waiting');
            const heard = waiting !== undefined && turn - waiting.since >= 2 ? waiting : undefined;
            const gone = places.find(({ place }) => place === 'ending') ?? heard;
            expect(connections.evict()).toEqual(
              gone && { socket: gone.socket, wasWaiting: gone.place === 'waiting' },
            );
            places = places.filter((one) => one !== gone);
          }
          expect(connections.size).toBe(places.length);
        }
      }),
    );
  });
});
