import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { createInspectionRelay, type InspectionRelay } from '../../src/inspect';
import { Watcher } from './support/Watcher';

const MIB = 1024 * 1024;
const BASE = { createdAt: '1', id: null, _version: '0.7.2', rootId: 'x:0', sessionId: 'x:0' };
const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const message = (fields: Record<string, unknown>): string => JSON.stringify({ ...BASE, ...fields });
/** A message with a field whose JSON is given as text. */
const withText = (fields: Record<string, unknown>, field: string, json: string): string =>
  `${message(fields).slice(0, -1)},${JSON.stringify(field)}:${json}}`;

describe('what a peer of the relay may send', () => {
  let relay: InspectionRelay;
  let watcher: Watcher;
  const open: WebSocket[] = [];
  beforeEach(async () => {
    relay = await createInspectionRelay();
    watcher = await Watcher.watch(relay.url, '?batched');
    await watcher.find('@handoff.welcome');
  });
  afterEach(async () => {
    for (const socket of open.splice(0)) socket.terminate();
    await watcher.close();
    await relay.close();
  });
  const sender = async (): Promise<WebSocket> => {
    const socket = new WebSocket(relay.url.replace('http', 'ws'));
    open.push(socket);
    await once(socket, 'open');
    return socket;
  };
  const raw = async (text: string | Buffer): Promise<Socket> => {
    const socket = connect(Number(new URL(relay.url).port), '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(text);
    return socket;
  };
  const leftOut = async (reason: string): Promise<number> => {
    const { counts } = await watcher.find('@handoff.leftOut', ({ counts }) => reason in counts);
    return (counts as Record<string, number>)[reason] ?? 0;
  };
  /** The sender is still there, and what it sends is shown. */
  const stillServed = async (socket: WebSocket): Promise<void> => {
    socket.send(message({ type: '@xstate.actor', sessionId: 'later', name: 'later', snapshot: {} }));
    await watcher.find('@xstate.actor', ({ name }) => name === 'later');
    expect(socket.readyState).toBe(WebSocket.OPEN);
  };

  const event = { type: 'e' };
  const actor = { type: '@xstate.actor', name: 'n' };
  const snapshot = { type: '@xstate.snapshot', event };
  test.each<[string, string, () => string | Buffer]>([
    ['no JSON', 'malformed', () => 'no JSON'],
    ['nothing', 'malformed', () => ''],
    ['a type that is not known', 'malformed', () => '{"type":"@xstate.other"}'],
    ['an array', 'malformed', () => '[]'],
    ['a message that lacks fields', 'malformed', () => '{"type":"@xstate.event","sessionId":"x"}'],
    ['a prototype instead of fields', 'malformed', () => `{"__proto__":${message(actor)}}`],
    ['bytes', 'malformed', () => Buffer.from(message(actor))],
    ['a message over 1 MiB', 'tooLarge', () => message({ ...actor, name: 'x'.repeat(MIB) })],
    ['a message of 20 MiB', 'tooLarge', () => 'x'.repeat(20 * MIB)],
    [
      'a snapshot that is nested 5,000 deep',
      'tooDeep',
      () => withText(snapshot, 'snapshot', `{"value":${nested(5_000)}}`),
    ],
    [
      'a context that is nested 400,000 deep',
      'tooDeep',
      () => withText(snapshot, 'snapshot', `{"context":${nested(400_000)}}`),
    ],
    [
      'an event that is nested 5,000 deep',
      'tooDeep',
      () => withText({ type: '@xstate.event' }, 'event', `{"type":"e","x":${nested(5_000)}}`),
    ],
    ['brackets without an end', 'tooDeep', () => '['.repeat(MIB)],
    [
      'a definition that is nested 5,000 deep',
      'tooDeep',
      () => message({ ...actor, definition: `{"states":${nested(5_000)}}` }),
    ],
    [
      'a definition whose fallback is as deep',
      'tooDeep',
      () => message({ ...actor, definition: `{"id":${nested(5_000)},"meta":${nested(5_000)}}` }),
    ],
  ])('%s is refused without further effect', async (_, reason, make) => {
    const socket = await sender();
    const data = make();
    socket.send(data, { binary: typeof data !== 'string' });
    expect(await leftOut(reason)).toBe(1);
    expect(relay.leftOut()).toEqual({ [reason]: 1 });
    await stillServed(socket);
  });

  test.each([
    ['numbers over all bounds', '{"value":"a","context":{"n":1e999,"m":-1e308}}'],
    ['lone surrogates', '{"value":"\\ud800","context":{"\\udfff":"\\ud800"}}'],
    [
      'names of prototypes',
      '{"__proto__":{"status":"done"},"constructor":{"prototype":{}},"context":{"__proto__":{"x":1}}}',
    ],
    ['many keys', `{"context":{${Array.from({ length: 20_000 }, (_, i) => `"k${i}":[]`).join()}}}`],
    ['a huge key', `{"context":{"${'k'.repeat(500_000)}":1}}`],
    ['a state that is no state', '{"value":[[1,null,{}]],"status":"active","tags":{"a":3},"historyValue":7}'],
    ['brackets in texts', `{"context":"${'[\\"{'.repeat(1_000)}"}`],
  ])('%s are shown, within bounds', async (_, json) => {
    const socket = await sender();
    socket.send(withText(snapshot, 'snapshot', json));
    const shown = await watcher.find('@xstate.snapshot');
    expect(JSON.stringify(shown).length).toBeLessThan(10_000);
    expect(relay.leftOut()).toEqual({});
    await stillServed(socket);
  });

  const UPGRADE = `Host: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${'A'.repeat(22)}==\r\n`;
  test.each([
    ['an upgrade for //', `GET // HTTP/1.1\r\n${UPGRADE}\r\n`, '101'],
    ['an upgrade for an address', `GET http://[::1 HTTP/1.1\r\n${UPGRADE}\r\n`, '101'],
    [
      'an upgrade with a query that is no query',
      `GET /?%zz&=&&batched=%ff HTTP/1.1\r\n${UPGRADE}\r\n`,
      '101',
    ],
    ['an upgrade of another version', `GET / HTTP/1.1\r\n${UPGRADE.replace('13', '7')}\r\n`, '400'],
    ['an upgrade to something else', `GET / HTTP/1.1\r\n${UPGRADE.replace('websocket', 'h2c')}\r\n`, '400'],
    ['an upgrade by POST', `POST / HTTP/1.1\r\n${UPGRADE}\r\n`, '405'],
    [
      'an upgrade with a protocol that is none',
      `GET / HTTP/1.1\r\n${UPGRADE}Sec-WebSocket-Protocol: ,\r\n\r\n`,
      '400',
    ],
    ['no request line', 'hello\r\n\r\n', '400'],
    ['TLS', Buffer.from('16030100c5010000c10303', 'hex'), '400'],
    [
      'headers that are too long',
      `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
      '431',
    ],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', '400'],
    ['an odd host', 'GET / HTTP/1.1\r\nHost: 127.0.0.1:99999:1\r\n\r\n', '403'],
    ['an absolute target', 'GET http://127.0.0.1/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', '404'],
    ['a target that is no address', 'GET //[ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', '404'],
    ['the target *', 'OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', '405'],
    [
      'a body that has no end',
      `POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n${'5\r\nhello\r\n'.repeat(100)}`,
      '405',
    ],
    ['an expectation', 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: the-best\r\n\r\n', '417'],
  ])('%s gets an answer, and nobody else is affected', async (_, request, status) => {
    const socket = await raw(request);
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    socket.destroy();
    await stillServed(await sender());
  });

  test.each<[string, readonly number[]]>([
    ['a frame that is not masked', [0x81, 0x01, 0x61]],
    ['a compressed frame that was not agreed on', [0xc1, 0x80, 0, 0, 0, 0]],
    ['an opcode that there is not', [0x83, 0x80, 0, 0, 0, 0]],
    ['a control frame in parts', [0x09, 0x80, 0, 0, 0, 0]],
    ['a control frame that is too long', [0x89, 0xfe, 0, 126, 0, 0, 0, 0]],
    ['a continuation of nothing', [0x80, 0x80, 0, 0, 0, 0]],
    ['text that is no text', [0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]],
    ['a length of 2^63', [0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['a length over all bounds', [0x81, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]],
    ['a close with a code that there is not', [0x88, 0x82, 0, 0, 0, 0, 0, 1]],
  ])('%s disconnects only that peer', async (_, frame) => {
    const socket = await raw(`GET / HTTP/1.1\r\n${UPGRADE}\r\n`);
    await once(socket, 'data');
    const closed = once(socket, 'close');
    socket.write(Buffer.from(frame));
    expect(await leftOut('peers')).toBe(1);
    await closed;
    await stillServed(await sender());
  });

  test('pings and fragmented messages are accepted', async () => {
    const socket = await sender();
    for (let i = 0; i < 50; i++) socket.ping();
    const text = message({ ...actor, name: 'in parts' });
    for (let at = 0; at < text.length; at++) socket.send(text.charAt(at), { fin: at === text.length - 1 });
    await watcher.find('@xstate.actor', ({ name }) => name === 'in parts');
    await stillServed(socket);
  });
});
