import { existsSync, symlinkSync, unlinkSync } from 'node:fs';
import type { BackendKey } from '../../src';
import { compiled } from '../support/compiled';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { ended, fixtureService } from './support/TestBrokers';

const KEY: BackendKey = { instance: 'shared', serviceName: 'echo', serviceVersion: '1.0.0' };

describe('who asks for another process when the one before is told', () => {
  const brokers = brokersOfEachTest();

  it('gets another one than the one that has just become ready', async () => {
    const broker = await brokers.start();
    let again: Promise<number | undefined> | undefined;
    broker.once('backendReady', ({ pid }) => {
      again = broker.respawnBackend(KEY).then(() => pid);
    });
    await broker.respawnBackend(KEY);
    const replaced = await again;
    expect(replaced).toBeDefined();
    expect(broker.backends()[0]).toMatchObject({ process: 'ready' });
    expect(broker.backends()[0]?.pid).not.toBe(replaced);
    await ended(replaced ?? Number.NaN);
  });

  it('gets another try than the one that has just failed', async () => {
    const module = brokers.path('backend.js');
    const place = (): void => symlinkSync(compiled('test/fixtures/backends/scriptedBackend.ts'), module);
    place();
    const broker = await brokers.start({ services: [fixtureService('echo', { module })] });
    let again: Promise<void> | undefined;
    broker.on('warning', ({ code }) => {
      if (code !== 'startFailed' || existsSync(module)) return;
      place();
      again = broker.respawnBackend(KEY);
    });
    unlinkSync(module);
    await expect(broker.respawnBackend(KEY)).rejects.toMatchObject({ code: 'startFailed' });
    await again;
    expect(broker.backends()[0]).toMatchObject({ process: 'ready' });
  });
});
