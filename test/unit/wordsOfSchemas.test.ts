import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrokerWarning } from '../../src/broker';
import { checkBrokerOptions } from '../../src/broker/options/checkBrokerOptions';
import { BrokerState } from '../../src/broker/state/BrokerState';
import { FRAME_TYPE_NUMBERS, type FrameType, parseFrame } from '../../src/protocol/frame';
import { errorOf } from '../support/errorOf';

const HELLO = { id: 'a'.repeat(32), service: 's', version: '1', handoff: true };
// How the schema library says it.
const LIBRARY = /invalid input|too big|too small|expected .*received|"code"|zod/i;

describe('a value that violates its schema is reported in our words', () => {
  it.each<[string, FrameType, unknown, string]>([
    ['no object', 'hello', null, 'the payload must be an object, but is null'],
    ['a list', 'status', [], 'the payload must be an object, but is an empty array'],
    [
      'a field left out',
      'hello',
      { ...HELLO, service: undefined },
      'service must be a string, but is left out',
    ],
    ['a bad id', 'hello', { ...HELLO, id: 'x' }, 'id must be 32 lower-case hexadecimal digits, but is "x"'],
    [
      'a long text',
      'hello',
      { ...HELLO, version: '1'.repeat(129) },
      `version must be a string of at most 128 characters, but is "${'1'.repeat(80)}…"`,
    ],
    ['an empty text', 'hello', { ...HELLO, service: '' }, 'service must be a non-empty string, but is ""'],
    [
      'a word for a boolean',
      'hello',
      { ...HELLO, handoff: 'yes' },
      'handoff must be true or false, but is "yes"',
    ],
    [
      'a field within',
      'hello',
      { ...HELLO, knows: { backend: HELLO.id, stamp: -1 } },
      'knows.stamp must be a number from 0, but is -1',
    ],
    [
      'a relative path',
      'handoff',
      { backend: HELLO.id, endpoint: 'a.sock', stamp: 1, deadlineMs: 5 },
      'endpoint must be the absolute path of a socket',
    ],
  ])('a frame with %s', (_, type, payload, problem) => {
    expect(parseFrame(type, payload)).toEqual({ problem: expect.stringContaining(problem) });
  });

  it('one fault of a frame with several', () => {
    expect(parseFrame('hello', { ...HELLO, service: 5, handoff: 5 })).toEqual({
      problem: 'service must be a string, but is 5',
    });
  });

  it('whatever frame it is', () => {
    for (const type of Object.keys(FRAME_TYPE_NUMBERS) as FrameType[]) {
      for (const payload of [null, 5, 'x', [], { id: 5, backend: {}, code: '', endpoint: 5, reason: 'no' }]) {
        const parsed = parseFrame(type, payload);
        if ('problem' in parsed) expect(parsed.problem).not.toMatch(LIBRARY);
      }
    }
  });

  it('a damaged record of processes', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'hc-words-'));
    const warnings: BrokerWarning[] = [];
    try {
      writeFileSync(
        join(directory, 'manifest.json'),
        JSON.stringify({ version: 1, backends: [{ serviceName: '', pid: 'x' }] }),
      );
      const state = await BrokerState.open(directory, (warning) => warnings.push(warning));
      await state.close();
      expect(warnings).toMatchObject([{ code: 'stateDamaged' }]);
      const [message] = warnings.map((warning) => warning.message);
      expect(message).toContain('backends[0].serviceName must be a non-empty string, but is ""');
      expect(message).not.toMatch(LIBRARY);
      expect(message).not.toContain('\n');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

describe('named values that would be lost', () => {
  const SERVICE = { name: 'a', version: '1.0.0', module: 'a.js' };
  it.each([new Map([['A', '1']]), new Date(), new Set(), Promise.resolve({}), /x/])(
    'env: %p',
    async (env) => {
      const options = { socketPath: '/tmp/b.sock', services: [{ ...SERVICE, env: env as never }] };
      expect(await errorOf(() => checkBrokerOptions(options))).toMatchObject({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringMatching(/^services\[0\]\.env must be an object/),
      });
    },
  );

  it.each<[string, unknown, string]>([
    [
      'inspect that is nearly an observer',
      { inspect: { nxt: () => {} } },
      'unknown option `inspect.nxt`; did you mean `next`?',
    ],
    [
      'inspect that is none',
      { inspect: {} },
      'inspect must be a function or an observer, but is an empty object',
    ],
    [
      'inspect that is a Map',
      { inspect: new Map() },
      'inspect must be a function or an observer, but is an instance of Map',
    ],
    [
      'a snapshot that is none',
      { snapshot: { version: 1 } },
      'Refused a persisted snapshot: snapshot.backends',
    ],
    [
      'a snapshot of another version',
      { snapshot: { version: 7 } },
      'Refused a persisted snapshot: snapshot.version',
    ],
  ])('%s', async (_, given, message) => {
    const options = { socketPath: '/tmp/b.sock', services: [SERVICE], ...(given as object) };
    expect(await errorOf(() => checkBrokerOptions(options))).toMatchObject({
      message: expect.stringContaining(message),
    });
  });
});
