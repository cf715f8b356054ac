import { restartDelayMs } from '../../machines/restartBackoff';

describe('the pause before a process is restarted', () => {
  it('doubles after each failed start, up to ten seconds', () => {
    const longest = Array.from({ length: 9 }, (_, failed) => restartDelayMs(failed, 1));
    expect(longest).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
    expect(restartDelayMs(10_000, 1)).toBe(10_000);
  });

  it('is reduced at random by up to half', () => {
    expect([0, 0.5, 0.99, 1].map((random) => restartDelayMs(1, random))).toEqual([100, 150, 199, 200]);
  });
});
