import { KnownBackends } from '../../src/client/KnownBackends';

const at = (service: string, socketPath = '/broker.sock', version = '*') => ({
  socketPath,
  service,
  version,
});
const known = (backend: string) => ({ backend, endpoint: `/${backend}.sock`, deadlineMs: 1000 });

describe('the backends that a client remembers', () => {
  it('are separate for each broker, service and version', () => {
    const backends = new KnownBackends();
    const destinations = [at('a'), at('b'), at('a', '/other.sock'), at('a', '/broker.sock', '^1')];
    for (const [index, destination] of destinations.entries()) {
      backends.remember(destination, known(`${index}`));
    }
    expect(destinations.map((destination) => backends.find(destination)?.backend)).toEqual([
      '0',
      '1',
      '2',
      '3',
    ]);
    expect(backends.find(at('c'))).toBeUndefined();
    // No joining of fields may make two of them meet.
    backends.remember(at('x', 'a","b'), known('joined'));
    expect(backends.find(at('b","x', 'a'))).toBeUndefined();
  });

  it('are the newest of each destination', () => {
    const backends = new KnownBackends();
    backends.remember(at('a'), known('old'));
    backends.remember(at('a'), known('new'));
    expect(backends.find(at('a'))).toEqual(known('new'));
  });

  it('are forgotten one by one, without their successors', () => {
    const backends = new KnownBackends();
    backends.remember(at('a'), known('new'));
    backends.forget(at('a'), 'old');
    backends.forget(at('b'), 'new');
    expect(backends.find(at('a'))).toEqual(known('new'));
    backends.forget(at('a'), 'new');
    expect(backends.find(at('a'))).toBeUndefined();
  });

  it('are at most 256: the least recently used is evicted', () => {
    const backends = new KnownBackends();
    for (let index = 0; index < 256; index += 1) backends.remember(at(`${index}`), known(`${index}`));
    expect(backends.find(at('0'))).toBeDefined();
    backends.remember(at('1'), known('renewed'));
    backends.remember(at('more'), known('more'));
    expect(backends.find(at('2'))).toBeUndefined();
    for (const service of ['0', '1', '3', '255', 'more']) expect(backends.find(at(service))).toBeDefined();
  });
});
