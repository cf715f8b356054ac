import { hasColors } from '../../src/cli/colorsFor';

describe('colors', () => {
  it.each([
    [true, {}, true],
    [false, {}, false],
    [undefined, {}, false],
    // A build server's log is no terminal.
    [undefined, { CI: 'true', TERM: 'xterm-256color' }, false],
    [true, { TERM: 'dumb' }, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [undefined, { FORCE_COLOR: '1' }, true],
    [undefined, { FORCE_COLOR: 'true', NO_COLOR: '1' }, true],
    [true, { FORCE_COLOR: '0' }, false],
    [true, { FORCE_COLOR: 'false' }, false],
    [undefined, { FORCE_COLOR: '' }, false],
  ])('on a terminal %p, with %p: %p', (isTTY, env, expected) => {
    expect(hasColors({ isTTY }, env)).toBe(expected);
  });
});
