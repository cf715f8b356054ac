import { openFdCount, softFdLimit } from '../../src/net/fdUsage';

describe('the use of descriptors', () => {
  it('is under the limit, and both are known on Linux', () => {
    const count = openFdCount();
    const limit = softFdLimit();
    expect(count === undefined).toBe(process.platform !== 'linux');
    if (count !== undefined && limit !== undefined) expect(count).toBeLessThan(limit);
  });
});
