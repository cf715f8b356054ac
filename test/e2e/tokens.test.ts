import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { createNodeIpcTransport, type HandoffTransport } from '../../src/broker';
import { eventually } from '../support/eventually';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { changeChannel } from './support/changeChannel';
import { echo, settled } from './support/echo';
import { fixtureService } from './support/TestBrokers';
import { childOf, tell } from './support/tell';

interface Sent {
  readonly child: ChildProcess;
  readonly token: string;
}

/** Node's transport, with what goes through it told to the test. */
function tappedTransport(): HandoffTransport & { readonly sent: Sent[] } {
  const sent: Sent[] = [];
  const transport = changeChannel(createNodeIpcTransport(), (channel, target) => ({
    send(message, socket, callback) {
      sent.push({ child: childOf(target), token: message.token });
      channel.send(message, socket, callback);
    },
  }));
  return { ...transport, sent };
}

const message = (type: string, token: unknown, rest = {}): unknown => ({
  handoffController: 1,
  type,
  token,
  ...rest,
});

describe('the token of a transfer', () => {
  const brokers = brokersOfEachTest();

  it('is required: guessed, foreign, replayed and late answers are counted and change nothing', async () => {
    const transport = tappedTransport();
    const broker = await brokers.start({
      services: [fixtureService('puppet'), fixtureService('puppet', { name: 'other' })],
      transport,
    });
    const told: unknown[] = [];
    const clients = [echo(broker)];
    await eventually('the first handle to be sent', () => transport.sent.length === 1);
    clients.push(echo(broker, 'x', { service: 'other' }));
    await eventually('the second handle to be sent', () => transport.sent.length === 2);
    const [one, two] = transport.sent as [Sent, Sent];
    broker.on('transfer', (event) => told.push(event));
    const before = broker.backends();

    const guesses = Array.from({ length: 20 }, () => randomBytes(16).toString('hex'));
    await tell(one.child, {
      say: [
        ...guesses.map((guess) => message('ack', guess)),
        message('refuse', guesses[0], { code: 'permission' }),
        message('synced', guesses[0]),
        // One bit beside the right one.
        message('ack', one.token.slice(0, -1) + (Number.parseInt(one.token.slice(-1), 16) ^ 1).toString(16)),
        message('ack', two.token),
        message('refuse', two.token, { code: 'integrity' }),
        message('synced', two.token),
      ],
    });
    await eventually('three foreign answers', () => broker.stats().foreignAcks === 3);
    expect(broker.stats()).toMatchObject({ unknownAcks: 23, replayedAcks: 0, lateAcks: 0, malformedAcks: 0 });
    expect(broker.backends()).toEqual(before);
    expect(told).toEqual([]);

    for (const { child } of [one, two]) await tell(child, { goOn: true });
    expect(await Promise.all(clients)).toMatchObject([{ route: 'handedOff' }, { route: 'handedOff' }]);
    const after = broker.backends();
    await tell(one.child, {
      say: [
        message('ack', one.token),
        message('refuse', one.token, { code: 'permission' }),
        message('ack', two.token),
      ],
    });
    await eventually('the fourth foreign answer', () => broker.stats().foreignAcks === 4);
    expect(broker.stats()).toMatchObject({ handedOff: 2, unknownAcks: 23, replayedAcks: 2, lateAcks: 0 });
    expect(broker.backends()).toEqual(after);
    expect(broker.backends().map(({ window }) => window)).toEqual([undefined, undefined]);
    expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
  });

  it('is late once, then replayed', async () => {
    const transport = tappedTransport();
    const broker = await brokers.start({
      services: [fixtureService('puppet')],
      transport,
      ackDeadlineMs: 100,
    });
    const client = echo(broker);
    expect(await client).toMatchObject({ route: 'reconnected', reason: 'backendAckTimeout' });
    expect(broker.stats().reconnected.backendAckTimeout).toBe(1);
    const [{ child, token }] = transport.sent as [Sent];
    await tell(child, { say: [message('ack', token), message('ack', token)] });
    await eventually('the replayed answer', () => broker.stats().replayedAcks === 1);
    expect(broker.stats()).toMatchObject({ lateAcks: 1, handedOff: 0, unknownAcks: 0 });
    expect(broker.backends()[0]?.window?.failedAttempts).toBe(1);
    // The puppet would answer for the handle that it holds.
    await tell(child, { goOn: true });
  });

  it('is in no event, page, log or file', async () => {
    const transport = tappedTransport();
    const seen: string[] = [];
    const see = (value: unknown): void => {
      seen.push(
        typeof value === 'string'
          ? value
          : inspect(value, { depth: 6, maxArrayLength: null, maxStringLength: null }),
      );
    };
    const outputs = [process.stdout, process.stderr].map((stream) =>
      jest.spyOn(stream, 'write').mockImplementation((chunk) => {
        see(Buffer.from(chunk as Uint8Array).toString('latin1'));
        return true;
      }),
    );
    const silent = ['hold', 'drop', 'noAck'];
    const modes = ['echo', 'permission', 'integrity', 'refuseThrows', 'badAck', ...silent];
    const log = brokers.path('log');
    let actors = 0;
    try {
      const broker = await brokers.start({
        services: modes.map((mode) => {
          const deadline = silent.includes(mode) ? { ackDeadlineMs: 100 } : {};
          return fixtureService(mode, { name: mode, logFile: log, ...deadline });
        }),
        transport,
        inspect: (event) => {
          if (event.type === '@xstate.actor') actors += 1;
          // Machines, which it refers to, are large, and known.
          const { type, actorRef } = event;
          see(JSON.stringify({ type, actorRef, ...('snapshot' in event && { snapshot: event.snapshot }) }));
          if ('event' in event) see(event.event);
        },
      });
      for (const name of ['route', 'transfer', 'backendReady', 'backendExit', 'warning'] as const) {
        broker.on(name, see);
      }
      for (const mode of modes) {
        await echo(broker, mode, { service: mode });
        see(broker.backends());
        see(broker.stats());
      }
      for (const { child, token } of transport.sent) {
        await tell(child, { say: [message('ack', token)] });
        see(String(child.spawnargs));
      }
      await settled(broker);
      expect(broker.stats().reconnected.backendAckTimeout).toBe(3);
      see(await broker.stop());
      see(broker.stats());
    } finally {
      for (const output of outputs) output.mockRestore();
    }
    see(readFileSync(log, 'latin1'));
    expect(transport.sent.map(({ token }) => token.length)).toEqual(modes.map(() => 32));
    // Every transfer's chart was shown.
    expect(actors).toBeGreaterThan(transport.sent.length);
    const text = seen.join('\n');
    expect(text).toContain('permissionDenied');
    for (const { token } of transport.sent) {
      const bytes = Buffer.from(token, 'hex');
      for (const form of [
        token,
        token.toUpperCase(),
        bytes.toString('base64').slice(0, 20),
        bytes.toString('base64url').slice(0, 20),
        bytes.toString('latin1'),
        [...bytes].join(', '),
        [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
      ]) {
        expect(text.includes(form)).toBe(false);
      }
    }
  });
});
