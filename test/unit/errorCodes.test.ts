import { isError, showPath, stackOf } from '../../src/errors/showValue';
import { ERROR_CODES, encodeError } from '../../src/protocol/errorCodes';
import { FrameReader } from '../../src/protocol/FrameReader';

const CODES: Readonly<Record<keyof typeof ERROR_CODES, readonly [from: string, retryable: boolean]>> = {
  unsupportedVersion: ['both', false],
  badFrame: ['both', false],
  helloTimeout: ['both', true],
  badVersion: ['broker', false],
  unknownService: ['broker', false],
  noMatchingVersion: ['broker', false],
  backendUnavailable: ['broker', true],
  stopping: ['broker', true],
  staleBackend: ['broker', true],
  busy: ['both', true],
  wrongBackend: ['backend', true],
  forbidden: ['backend', false],
  expired: ['backend', true],
};

function read(bytes: Buffer): unknown {
  const reader = new FrameReader();
  reader.push(bytes);
  return reader.next();
}

describe('the codes of `error` frames', () => {
  it('have a sender, and are retryable or not', () => {
    const told = Object.entries(ERROR_CODES).map(([code, { from, retryable }]) => [code, [from, retryable]]);
    expect(Object.fromEntries(told)).toEqual(CODES);
    for (const { means } of Object.values(ERROR_CODES)) expect(means).toMatch(/^\S.* .*\S$/);
  });

  it.each(Object.entries(CODES))('%s is sent with what the table says', (code, [, retryable]) => {
    const known = code as keyof typeof ERROR_CODES;
    expect(read(encodeError(known, 'why'))).toEqual({ type: 'error', code, message: 'why', retryable });
    expect(read(encodeError(known, 'why', 50))).toMatchObject({ retryAfterMs: 50 });
  });
});

describe('text for a terminal', () => {
  it.each([
    ['/srv/app/main.js', '/srv/app/main.js'],
    ['/srv/größe', '/srv/größe'],
    ['a\u001b[31m.js', '"a\\u001b[31m.js"'],
    ['a\u202e.js', '"a\\u202e.js"'],
    ['\u202ea.js', '"\\u202ea.js"'],
  ])('is an unchanged path, unless it has control characters: %j', (path, shown) => {
    expect(showPath(path)).toBe(shown);
  });

  it('is the stack of what has one', () => {
    const error = new Error('mine');
    expect(stackOf(error)).toBe(error.stack);
    const odd = Object.assign(new Error('mine'), { stack: 7 });
    for (const value of [odd, { stack: 7 }, {}, undefined, null, 'text'])
      expect(stackOf(value)).toBeUndefined();
  });

  it('is an error where its message can be read', () => {
    expect(isError(new TypeError('mine'))).toBe(true);
    expect(isError(Object.assign(new Error('mine'), { message: 7 }))).toBe(false);
    expect(isError({ message: 'mine' })).toBe(false);
    expect(isError(Proxy.revocable({}, {}).proxy)).toBe(false);
  });
});
