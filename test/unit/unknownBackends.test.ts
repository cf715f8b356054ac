import { KnownBackends } from '../../src/client/KnownBackends';

const at = (service: string) => ({ socketPath: '/broker.sock', service, version: '*' });
const known = (backend: string) => ({ backend, endpoint: `/${backend}.sock`, deadlineMs: 1000 });

describe('destinations without a remembered backend', () => {
  it('take no memory, however many are looked up', () => {
    const backends = new KnownBackends(3);
    backends.remember(at('a'), known('a'));
    backends.remember(at('b'), known('b'));
    for (let i = 0; i < 10; i += 1) expect(backends.find(at(`none ${i}`))).toBeUndefined();
    backends.remember(at('c'), known('c'));
    for (const service of ['a', 'b', 'c']) expect(backends.find(at(service))).toEqual(known(service));
  });
});
