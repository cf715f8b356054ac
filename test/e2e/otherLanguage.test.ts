import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { LosslessReport } from '../fixtures/clients/losslessClient';
import { compiled } from '../support/compiled';
import { eventually } from '../support/eventually';
import { describeNeeds, hasProgram } from '../support/itNeeds';
import { report } from '../support/report';
import { requirePid } from '../support/requirePid';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { dial, echo, settled } from './support/echo';
import { readAll } from './support/readAll';
import { ended, fixtureService } from './support/TestBrokers';
import { takesConnections } from './support/takesConnections';

const PROGRAM = join(__dirname, '..', '..', 'docs', 'examples', 'backend.py');
const CONNECTIONS = 1000;
const CONCURRENCY = 12;

const withPython = describeNeeds('Linux and python3', process.platform === 'linux' && hasProgram('python3'));

withPython('a backend in Python', () => {
  const brokers = brokersOfEachTest();
  const python = fixtureService('', {
    module: compiled('test/fixtures/backends/pythonBackend.ts'),
    args: [PROGRAM],
  });

  it(`gets every byte of ${CONNECTIONS} connections, on both routes`, async () => {
    const broker = await brokers.start({ services: [python] });
    const client = fork(compiled('test/fixtures/clients/losslessClient.ts'), [
      broker.socketPath,
      String(CONNECTIONS),
      String(CONCURRENCY),
      '1',
    ]);
    brokers.atEnd(() => client.kill('SIGKILL'));
    const closed = once(client, 'close');
    const [counted] = (await once(client, 'message')) as [LosslessReport];
    await closed;
    await settled(broker);
    const { connections, handedOff, reconnected, bytesSent, bytesReceived, wrong } = counted;
    report(
      `a backend in Python: ${connections} connections (${handedOff} handed off, ${reconnected} reconnected), ${bytesSent} bytes sent, ${bytesReceived} back`,
    );
    expect(wrong).toEqual([]);
    expect(bytesReceived).toBe(bytesSent);
    expect(handedOff + reconnected).toBe(CONNECTIONS);
    expect(broker.stats()).toMatchObject({
      handedOff,
      reconnected: { clientUnsupported: reconnected },
      lateAcks: 0,
      unknownAcks: 0,
      malformedAcks: 0,
      errors: {},
    });
  });

  it('is asked to drain: what is open comes to its end, and then it ends', async () => {
    const broker = await brokers.start({ services: [python] });
    const pid = requirePid(broker.backends()[0]?.pid);
    const { socket, route } = await dial(broker, { allowHalfOpen: true });
    expect(route).toBe('handedOff');
    const endpoint = String(broker.backends()[0]?.endpoint);
    const exited = once(broker, 'backendExit');
    const replaced = broker.respawnBackend({
      instance: 'shared',
      serviceName: 'echo',
      serviceVersion: '1.0.0',
    });
    await eventually('it to take no more', async () => !(await takesConnections(endpoint)));
    socket.write('still ');
    socket.end('there');
    expect(String(await readAll(socket))).toBe('still there');
    expect(await exited).toMatchObject([{ pid, code: 0, signal: null }]);
    await replaced;
    await ended(pid);
    expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
  });
});
