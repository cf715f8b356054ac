// A backend of a chaos run. A request is a line of JSON, `{ id, bytes }`, and that many bytes; the answer is one line that says
// what came.
import { createHash } from 'node:crypto';
import { openSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { serveBackend } from '../../src/backend';
import { ChaosControl } from './ChaosControl';
import type { ChaosCommand } from './controlMessage';
import { RequestReader } from './RequestReader';

interface IpcMessage {
  readonly type?: string;
}
type Send = (message: unknown, ...rest: unknown[]) => boolean;

const { CHAOS_RECORD = '', CHAOS_NAME = '' } = process.env;
// Open all the while: descriptors will run out.
const record = openSync(CHAOS_RECORD, 'a');
const acks: ChaosCommand[] = [];
let death: 'dieOnHandle' | 'dieOnReady' | 'dieOnAck' | undefined;

const die = (): void => void process.kill(process.pid, 'SIGKILL');

const send = process.send?.bind(process) as Send;
process.send = ((message: IpcMessage, ...rest: unknown[]) => {
  if (message.type !== 'ack') return send(message, ...rest);
  if (death === 'dieOnAck') die();
  const fault = acks.shift();
  switch (fault?.fault) {
    case 'dropAck':
      return true;
    case 'delayAck':
      setTimeout(() => process.connected && send(message, ...rest), fault.ms);
      return true;
    case 'duplicateAck':
      return send(message, ...rest) && send(message, ...rest);
    case 'forgeAck':
      send({ handoffController: 1, type: 'ack', token: '0123456789abcdef'.repeat(2) });
      return send(message, ...rest);
    default:
      return send(message, ...rest);
  }
}) as NonNullable<typeof process.send>;

process.on('message', (message: unknown) => {
  if ((message as IpcMessage).type === 'handoff' && death === 'dieOnHandle') die();
});

const control = new ChaosControl('backend', CHAOS_NAME, (command) => {
  switch (command.fault) {
    case 'dieOnHandle':
    case 'dieOnReady':
    case 'dieOnAck':
      death = command.fault;
      return;
    case 'dropAck':
    case 'delayAck':
    case 'duplicateAck':
    case 'forgeAck':
      for (let count = 0; count < command.count; count += 1) acks.push(command);
      return;
  }
});

function serve(socket: Socket): void {
  const reader = new RequestReader((id, body) => {
    // What runs twice is seen, whoever is killed in between.
    writeSync(record, `${id}\n`);
    const sha1 = createHash('sha1').update(body).digest('hex');
    socket.write(`${JSON.stringify({ id, bytes: body.length, sha1, pid: process.pid })}\n`);
  });
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => reader.push(chunk));
  socket.on('end', () => socket.end());
}

void serveBackend({
  onConnection(socket) {
    if (death === 'dieOnReady') die();
    serve(socket);
  },
}).then(() => control.say({ type: 'ready' }));
