import { parseFrame } from '../../src/protocol/frame';
import { isTraceparent } from '../../src/protocol/traceparent';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const GOOD = `00-${TRACE}-${PARENT}-01`;

describe('traceparent', () => {
  it.each([GOOD, `cc-${TRACE}-${PARENT}-00`])('%s is one', (value) =>
    expect(isTraceparent(value)).toBe(true),
  );

  it.each([
    ['the forbidden version', `ff-${TRACE}-${PARENT}-01`],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${PARENT}-01`],
    ['a parent of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['upper case', GOOD.toUpperCase()],
    ['a line break behind it', `${GOOD}\n`],
    ['more behind it', `${GOOD}-00`],
    ['something else', 7],
  ])('%s is none, and is only dropped from a hello', (_, value) => {
    expect(isTraceparent(value)).toBe(false);
    const hello = { id: 'a'.repeat(32), service: 's', version: '*', handoff: true };
    const parsed = parseFrame('hello', { ...hello, traceparent: value });
    expect(parsed).toEqual({ frame: { type: 'hello', ...hello } });
  });
});
