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

  it('are used in turn, and the broker is asked again for more', () => {
    const backends = new KnownBackends();
    const asked: string[] = [];
    const used: string[] = [];
    const replicas = ['0', '1', '2', '3'];
    // A broker that picks the process with the fewest connections.
    const counts = new Map(replicas.map((name) => [name, 0]));
    for (let i = 0; i < 1000; i += 1) {
      const found = backends.find(at('a'))?.backend;
      const [fewest = ''] = [...counts].sort(([, one], [, other]) => one - other)[0] ?? [];
      const taken = found ?? fewest;
      (found === undefined ? asked : used).push(taken);
      counts.set(taken, (counts.get(taken) ?? 0) + 1);
      if (found === undefined) backends.remember(at('a'), known(taken));
    }
    expect(new Set(used)).toEqual(new Set(replicas));
    for (const count of counts.values()) expect(Math.abs(count - 250)).toBeLessThanOrEqual(25);
    expect(used.length).toBeGreaterThan(960);
  });

  it('are asked for once in 65 times where there is one', () => {
    const backends = new KnownBackends();
    let asked = 0;
    for (let i = 0; i < 6_500; i += 1) {
      if (backends.find(at('a')) !== undefined) continue;
      asked += 1;
      backends.remember(at('a'), known('only'));
    }
    // 1, 1, 2, 4, … 64, 64, …
    expect(asked).toBe(7 + Math.ceil((6_500 - (7 + 127)) / 65));
  });

  it('are named anew once the broker has named them, and kept as it named them last', () => {
    const backends = new KnownBackends();
    backends.remember(at('a'), known('one'));
    backends.remember(at('a'), { ...known('one'), deadlineMs: 7 });
    expect(backends.find(at('a'))).toEqual({ ...known('one'), deadlineMs: 7 });
  });

  it('are 64 of a destination at the most: the one that was used the longest ago goes', () => {
    const backends = new KnownBackends();
    for (let index = 0; index <= 64; index += 1) backends.remember(at('a'), known(`${index}`));
    for (let index = 0; index < 6; index += 1) backends.remember(at('a'), known('64'));
    const found = Array.from({ length: 64 }, () => backends.find(at('a'))?.backend);
    expect(found).toEqual(Array.from({ length: 64 }, (_, index) => `${index + 1}`));
    expect(backends.find(at('a'))).toBeUndefined();
  });

  it('are forgotten one by one, without their successors', () => {
    const backends = new KnownBackends();
    backends.remember(at('a'), known('new'));
    backends.forget(at('a'), 'old');
    backends.forget(at('b'), 'new');
    expect(backends.find(at('a'))).toEqual(known('new'));
    backends.remember(at('a'), known('other'));
    backends.forget(at('a'), 'new');
    expect(backends.find(at('a'))).toEqual(known('other'));
    backends.forget(at('a'), 'other');
    expect(backends.find(at('a'))).toBeUndefined();
  });

  it('are at most 256: the least recently used is evicted', () => {
    const backends = new KnownBackends();
    for (let index = 0; index < 256; index += 1) backends.remember(at(`${index}`), known(`${index}`));
    backends.remember(at('0'), known('0'));
    backends.remember(at('1'), known('renewed'));
    backends.remember(at('more'), known('more'));
    expect(backends.find(at('2'))).toBeUndefined();
    for (const service of ['0', '1', '3', '255', 'more']) expect(backends.find(at(service))).toBeDefined();
  });
});
