// A backend of a chaos run. A request is a line of JSON, `{ id, bytes }`, and that many bytes; the answer is one line that says
// what came.
import { createHash } from 'node:crypto';
import { openSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { serveBackend } from '../../src/backend';
import { BrokerChannel } from '../../src/backend/BrokerChannel';
import { ChaosControl } from './ChaosControl';
import type { ChaosCommand } from './controlMessage';
import { RequestReader } from './RequestReader';

const { CHAOS_RECORD = '', CHAOS_NAME = '' } = process.env;
// Open all the while: descriptors will run out.
const record = openSync(CHAOS_RECORD, 'a');
const acks: ChaosCommand[] = [];
let death: 'dieOnHandle' | 'dieOnReady' | 'dieOnAck' | undefined;

const die = (): void => void process.kill(process.pid, 'SIGKILL');

const { receive, answer } = BrokerChannel.prototype;

BrokerChannel.prototype.answer = function (message) {
  const sendIt = (): void => answer.call(this, message);
  if (message.type !== 'ack') {
    sendIt();
    return;
  }
  if (death === 'dieOnAck') die();
  const fault = acks.shift();
  switch (fault?.fault) {
    case 'dropAck':
      return;
    case 'delayAck':
      setTimeout(sendIt, fault.ms);
      return;
    case 'duplicateAck':
      sendIt();
      sendIt();
      return;
    case 'forgeAck':
      answer.call(this, { ...message, token: '0123456789abcdef'.repeat(2) });
      sendIt();
      return;
    default:
      sendIt();
  }
};

BrokerChannel.prototype.receive = function (received, socket) {
  if ('message' in received && received.message.type === 'handoff' && death === 'dieOnHandle') die();
  receive.call(this, received, socket);
};

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
