import crypto from 'node:crypto';
import fc from 'fast-check';
import { maxSocketPathBytes } from '../../src/net/maxSocketPathBytes';
import { monotonicNow } from '../../src/net/monotonicNow';
import { randomId, randomKey } from '../../src/net/randomId';
import { requireSocketPath } from '../../src/net/requireSocketPath';
import {
  BACKEND_IDENTITY_VARIABLE,
  formatBackendIdentity,
  parseBackendIdentity,
  STATE_DIRECTORY_VARIABLE,
} from '../../src/protocol/backendIdentity';
import { receiveBackendMessage, receiveBrokerMessage, tokenOf } from '../../src/protocol/ipcMessage';
import { isLater, stampOfNow } from '../../src/protocol/stamp';
import { isTraceparent } from '../../src/protocol/traceparent';
import { MAX_EARLY_DATA_BYTES, MAX_ERROR_MESSAGE_CHARACTERS } from '../../src/protocol/wireLimits';

const ID = 'a1'.repeat(16);
const NO_IDS = [`${ID}0`, `0${ID}`, ID.slice(1), ID.toUpperCase(), '', 1, null, undefined];

describe('a backend\u2019s identity in its environment', () => {
  const IDENTITY = { backend: ID, serviceName: 'echo', serviceVersion: '1.0.0', endpoint: '/e' };

  it('survives formatting and parsing', () => {
    expect(BACKEND_IDENTITY_VARIABLE).toBe('HANDOFF_CONTROLLER_BACKEND');
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        fc.string({ minLength: 1 }),
        (serviceName, serviceVersion, endpoint) => {
          const identity = { backend: ID, serviceName, serviceVersion, endpoint };
          expect(parseBackendIdentity(formatBackendIdentity(identity))).toEqual(identity);
        },
      ),
    );
  });

  it('is none where a field is wrong or missing', () => {
    for (const backend of NO_IDS) {
      expect(parseBackendIdentity(JSON.stringify({ ...IDENTITY, backend }))).toBeUndefined();
    }
    for (const field of ['serviceName', 'serviceVersion', 'endpoint']) {
      expect(parseBackendIdentity(JSON.stringify({ ...IDENTITY, [field]: undefined }))).toBeUndefined();
      expect(parseBackendIdentity(JSON.stringify({ ...IDENTITY, [field]: 1 }))).toBeUndefined();
    }
    expect(parseBackendIdentity(JSON.stringify({ ...IDENTITY, endpoint: '' }))).toBeUndefined();
    expect(parseBackendIdentity(undefined)).toBeUndefined();
    expect(parseBackendIdentity('{')).toBeUndefined();
  });
});

describe('random ids', () => {
  it('are 32 hexadecimal digits, and no two share a byte of memory', () => {
    const draws = jest.spyOn(crypto, 'randomBytes');
    try {
      const keys = Array.from({ length: 1_024 }, () => randomKey());
      for (const key of keys) expect(key).toHaveLength(16);
      expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(1_024);
      for (let i = 1; i < keys.length; i += 1) {
        const [before, after] = [keys[i - 1], keys[i]] as [Buffer, Buffer];
        if (before.buffer === after.buffer && before.byteOffset < after.byteOffset) {
          expect(after.byteOffset - before.byteOffset).toBeGreaterThanOrEqual(16);
        }
      }
      // One call of the system's serves 256 of them.
      expect(draws.mock.calls).toEqual([[4_096], [4_096], [4_096], [4_096]]);
      expect(randomId()).toMatch(/^[0-9a-f]{32}$/);
    } finally {
      draws.mockRestore();
    }
  });
});

describe('the machine\u2019s monotonic clock', () => {
  it.each([
    [[5, 999_999_999], 5_999.999999, 5_999],
    [[0, 1_000_000], 1, 1],
    [[0, 999_999], 0.999999, 0],
    [[86_400, 0], 86_400_000, 86_400_000],
  ] as const)(
    'that stands at %j says %p milliseconds, as a stamp %p',
    ([seconds, nanoseconds], time, stamp) => {
      const clock = jest.spyOn(process, 'hrtime').mockReturnValue([seconds, nanoseconds]);
      try {
        expect([monotonicNow(), stampOfNow()]).toEqual([time, stamp]);
      } finally {
        clock.mockRestore();
      }
    },
  );
});

describe('the names and bounds that others rely on', () => {
  it('are those of the pages', () => {
    expect(STATE_DIRECTORY_VARIABLE).toBe('HANDOFF_CONTROLLER_STATE_DIRECTORY');
    expect([MAX_EARLY_DATA_BYTES, MAX_ERROR_MESSAGE_CHARACTERS]).toEqual([16_384, 512]);
  });

  it('of a socket\u2019s path are told where it is refused', () => {
    const max = maxSocketPathBytes();
    const longest = `/${'x'.repeat(max - 1)}`;
    expect(requireSocketPath('path', longest)).toBe(longest);
    expect(requireSocketPath('path', 'x')).toBe('x');
    for (const [path, message] of [
      [`${longest}x`, `path must be a path of at most ${max} bytes`],
      ['/a\0b', 'path must be a path without a zero character'],
      ['', 'path'],
      [1, 'path'],
    ] as const) {
      expect(() => requireSocketPath('path', path)).toThrow(message);
    }
  });
});

describe('a stamp', () => {
  it('is later than another only by more than what rounding makes of it', () => {
    expect([isLater(2, 1), isLater(2.001, 1), isLater(1, 2), isLater(1, 1)]).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });
});

describe('a trace context', () => {
  const parts = ['00', 'a1'.repeat(16), 'b2'.repeat(8), '01'];

  it('has four parts of a fixed length, no more and no less', () => {
    expect(isTraceparent(parts.join('-'))).toBe(true);
    for (const [index, part] of parts.entries()) {
      for (const wrong of [
        `${part}a`,
        part.slice(1),
        part.toUpperCase().replace('0', 'A'),
        part.replace(/^./, 'g'),
        '',
      ]) {
        expect(isTraceparent(parts.with(index, wrong).join('-'))).toBe(false);
      }
    }
    expect(isTraceparent(`0${parts.join('-')}`)).toBe(false);
    expect(isTraceparent(`${parts.join('-')}0`)).toBe(false);
    expect(isTraceparent({ toString: () => parts.join('-') })).toBe(false);
    // Zeros are forbidden in whole parts only.
    expect(isTraceparent(`00-${'0'.repeat(31)}1-${'0'.repeat(15)}1-00`)).toBe(true);
    expect(isTraceparent(`fe-${'a'.repeat(32)}-${'b'.repeat(16)}-00`)).toBe(true);
  });
});

describe('the messages between broker and backend', () => {
  const base = { handoffController: 1 };
  const handoff = { ...base, type: 'handoff', token: ID, id: ID, stamp: 0, earlyData: Buffer.from('early') };
  const toBackend = [
    handoff,
    { ...handoff, earlyData: new Uint8Array(3), traceparent: `00-${ID}-${'b'.repeat(16)}-01` },
    { ...base, type: 'sync', token: ID },
    { ...base, type: 'drain' },
    { ...base, type: 'drain', timeoutMs: 0 },
  ];
  const toBroker = [
    { ...base, type: 'ack', token: ID },
    { ...base, type: 'refuse', token: ID, code: 'busy' },
    { ...base, type: 'synced', token: ID },
  ];

  it.each(toBackend)('%j is one for a backend', (message) => {
    expect(receiveBrokerMessage(message)).toEqual({ message });
    expect(receiveBackendMessage(message)).toEqual({ invalid: message });
  });

  it.each(toBroker)('%j is one for a broker', (message) => {
    expect(receiveBackendMessage(message)).toEqual({ message });
    expect(receiveBrokerMessage(message)).toEqual({ invalid: message });
  });

  it.each([undefined, null, 1, 'text', true, {}, { type: 'stop' }, []])(
    '%j is not a message of ours',
    (value) => {
      expect(receiveBrokerMessage(value)).toBe('foreign');
      expect(receiveBackendMessage(value)).toBe('foreign');
    },
  );

  it('are invalid with a field that is wrong or missing', () => {
    const wrong: Readonly<Record<string, readonly unknown[]>> = {
      handoffController: [0, 2, '1'],
      type: ['', 'other', undefined],
      token: NO_IDS,
      id: NO_IDS,
      stamp: [-1, Number.NaN, '0', undefined],
      earlyData: ['early', [1], undefined, null],
      timeoutMs: [-1, Number.NaN, '1', null],
      code: ['', 'other', undefined],
    };
    for (const [messages, receive] of [
      [toBackend, receiveBrokerMessage],
      [toBroker, receiveBackendMessage],
    ] as const) {
      for (const message of messages) {
        for (const field of Object.keys(message)) {
          for (const value of wrong[field] ?? []) {
            const invalid = { ...message, [field]: value };
            expect(receive(invalid)).toEqual({ invalid });
          }
        }
      }
    }
  });

  it('are accepted without an invalid trace', () => {
    expect(receiveBrokerMessage({ ...handoff, traceparent: 'none' })).toEqual({ message: handoff });
  });

  it('have a token that can be refused, or none', () => {
    expect(tokenOf({ ...base, type: 'other', token: ID })).toBe(ID);
    for (const token of NO_IDS) expect(tokenOf({ token })).toBeUndefined();
    expect(tokenOf(undefined)).toBeUndefined();
  });
});
