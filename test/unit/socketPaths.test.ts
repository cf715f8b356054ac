import { createServer } from 'node:net';
import { probeBackend } from '../../src/broker/backends/probeBackend';
import { listenOnPath } from '../../src/broker/files/listenOnPath';
import { askStatus } from '../../src/cli/status/askStatus';

const TOO_LONG = `/tmp/${'x'.repeat(120)}`;

describe.each([
  ['that is too long', TOO_LONG],
  ['that is empty', ''],
  ['with a zero character', '/tmp/a\0b'],
])('a path %s', (_, path) => {
  test.each<[string, () => Promise<unknown>]>([
    ['listened on', () => listenOnPath(createServer(), path)],
    ['asked how its broker is', () => askStatus(path)],
    ['asked who its backend is', () => probeBackend(path, 1_000)],
  ])('is not %s', async (_, use) => {
    await expect(use()).rejects.toThrow(/path|endpoint/i);
    await expect(use()).rejects.toMatchObject({
      code: expect.stringMatching(/pathTooLong|ERR_OUT_OF_RANGE/),
    });
  });
});
