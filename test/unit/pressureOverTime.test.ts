import type { InspectionEvent } from 'xstate';
import { FdPressure, type FdPressureOptions } from '../../src/broker/pressure/FdPressure';

/** A check whose time, count and limit are in the test's hands. */
function create(options: Partial<FdPressureOptions> = {}) {
  const state = { now: 0, open: 20 as number | undefined, counts: 0, connections: 5 };
  const pressure = new FdPressure({
    connections: () => state.connections,
    countOpen: () => {
      state.counts += 1;
      return state.open;
    },
    limit: () => 1_000,
    now: () => state.now,
    ...options,
  });
  return { state, pressure };
}

describe('the pressure on descriptors over time', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('is counted again after 50 ms, and not before', () => {
    const { state, pressure } = create();
    pressure.isPressured;
    for (const [at, counts] of [
      [49, 1],
      [50, 2],
      [99, 2],
      [100, 3],
    ] as const) {
      state.now = at;
      pressure.isPressured;
      expect(state.counts).toBe(counts);
    }
    pressure.stop();
  });

  it('uses the monotonic clock by default', () => {
    let counts = 0;
    const countOpen = (): number => {
      counts += 1;
      return 20;
    };
    const pressure = new FdPressure({ connections: () => 0, countOpen, limit: () => 1_000 });
    for (let i = 0; i < 10; i += 1) expect(pressure.isPressured).toBe(false);
    expect(counts).toBe(1);
    jest.advanceTimersByTime(50);
    expect(pressure.isPressured).toBe(false);
    expect(counts).toBe(2);
    pressure.stop();
  });

  it('is held for a second after the system had no descriptor, whatever is counted', () => {
    const { state, pressure } = create();
    pressure.reportExhausted();
    for (let passed = 0; passed < 1_000; passed += 250) {
      expect(pressure.isPressured).toBe(true);
      jest.advanceTimersByTime(250);
      state.now += 250;
    }
    expect(pressure.isPressured).toBe(false);
    pressure.stop();
  });

  it('is held for a second from the last shortage', () => {
    const { state, pressure } = create();
    pressure.reportExhausted();
    jest.advanceTimersByTime(600);
    pressure.reportExhausted();
    jest.advanceTimersByTime(600);
    state.now += 1_200;
    expect(pressure.isPressured).toBe(true);
    jest.advanceTimersByTime(400);
    state.now += 400;
    expect(pressure.isPressured).toBe(false);
    pressure.stop();
  });

  it('is on if even the count gets no descriptor', () => {
    const { state, pressure } = create();
    expect(pressure.isPressured).toBe(false);
    const before = pressure.maxConnections;
    state.open = undefined;
    state.now += 50;
    expect(pressure.isPressured).toBe(true);
    expect(pressure.maxConnections).toBe(before);
    pressure.stop();
  });

  it.each([
    // The reserve is a tenth: 8 at the least, 64 at the most.
    [64, 20, 5, 64 - 8 - 15],
    [79, 20, 5, 79 - 8 - 15],
    [90, 20, 5, 90 - 9 - 15],
    [99, 20, 5, 99 - 9 - 15],
    [639, 20, 5, 639 - 63 - 15],
    [640, 20, 5, 640 - 64 - 15],
    [1_000, 20, 5, 1_000 - 64 - 15],
    [64, 64, 0, 1],
  ])(
    'leaves of %p descriptors with %p open, %p of them connections, room for %p connections',
    (limit, open, held, max) => {
      const { state, pressure } = create({ limit: () => limit });
      state.open = open;
      state.connections = held;
      expect(pressure.maxConnections).toBe(max);
      pressure.stop();
    },
  );

  it('bounds and counts nothing if the limit is unknown', () => {
    const { state, pressure } = create({ limit: () => undefined });
    expect(pressure.isPressured).toBe(false);
    expect(pressure.maxConnections).toBe(Number.POSITIVE_INFINITY);
    expect(state.counts).toBe(0);
    pressure.stop();
  });

  it('follows the embedder\u2019s check instead of the count', () => {
    let says = false;
    const events: string[] = [];
    const { state, pressure } = create({
      check: () => says,
      inspect: (seen) => seen.type === '@xstate.event' && events.push(seen.event.type),
    });
    state.open = 999;
    expect(pressure.maxConnections).toBe(1);
    expect(pressure.isPressured).toBe(false);
    says = true;
    expect(pressure.isPressured).toBe(true);
    expect(pressure.isPressured).toBe(true);
    expect(events).toEqual(['xstate.init', 'pressure.stated']);
    pressure.stop();
  });

  it.each([0, 'true', null, undefined, Promise.resolve(true)])(
    'refuses %p as the answer of the check',
    (answer) => {
      const { pressure } = create({ check: () => answer as unknown as boolean });
      expect(() => pressure.isPressured).toThrow(/fdPressure must be a boolean/);
      pressure.stop();
    },
  );

  it('is visible to observers, and ends with its timer', () => {
    const events: InspectionEvent[] = [];
    const { pressure } = create({ inspect: (event) => events.push(event) });
    expect(events[0]).toMatchObject({ type: '@xstate.actor', actorRef: { id: 'fd pressure' } });
    pressure.reportExhausted();
    expect(jest.getTimerCount()).toBe(1);
    pressure.stop();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('keeps no process alive, and counts the descriptors of the process by default', () => {
    jest.useRealTimers();
    const timers = jest.spyOn(global, 'setTimeout');
    const pressure = new FdPressure({ connections: () => 0 });
    pressure.reportExhausted();
    expect(timers.mock.results.map(({ value }) => value.hasRef())).toEqual([false]);
    timers.mockRestore();
    expect(pressure.isPressured).toBe(true);
    expect(pressure.maxConnections).toBeGreaterThan(0);
    pressure.stop();
  });
});
