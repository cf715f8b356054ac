import type { Socket } from 'node:net';
import { PeerConnections } from '../../src/net/PeerConnections';

describe('the open connections of peers', () => {
  it('are evicted answered first, then silent ones after the grace', () => {
    let turn = 0;
    const connections = new PeerConnections(() => turn);
    const stopped: string[] = [];
    const add = (name: string): Socket => {
      const socket = { name } as unknown as Socket;
      connections.add(socket, () => stopped.push(name));
      return socket;
    };
    const [first, second, routed, ending] = ['first', 'second', 'routed', 'ending'].map(add) as [
      Socket,
      Socket,
      Socket,
      Socket,
    ];
    connections.settle(routed);
    turn = 1;
    connections.end(ending);
    expect(connections.size).toBe(4);
    expect(connections.evict()).toEqual({ socket: ending, wasWaiting: false });
    expect(connections.evict()).toBeUndefined();
    turn = 2;
    expect(connections.evict()).toEqual({ socket: first, wasWaiting: true });
    expect(connections.evict()).toEqual({ socket: second, wasWaiting: true });
    // One that is on its way to a backend never has to go.
    expect(connections.evict()).toBeUndefined();
    expect(stopped).toEqual(['first', 'second']);
    connections.delete(routed);
    expect(connections.size).toBe(0);
  });
});
