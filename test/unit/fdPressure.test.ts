import { FdPressure } from '../../src/broker/pressure/FdPressure';
import { isDescriptorShortage } from '../../src/net/isDescriptorShortage';

describe('the pressure on descriptors', () => {
  it('is counted every 50 ms or 64 calls, and leaves a reserve', () => {
    let counts = 0;
    let now = 0;
    let open: number | undefined = 20;
    let connections = 5;
    const pressure = new FdPressure({
      connections: () => connections,
      countOpen: () => {
        counts += 1;
        return open;
      },
      limit: () => 64,
      now: () => now,
    });
    // 15 descriptors are others', and 8 stay in reserve.
    expect(pressure.maxConnections).toBe(64 - 8 - 15);
    for (let i = 0; i < 63; i += 1) expect(pressure.isPressured).toBe(false);
    expect(counts).toBe(1);
    expect(pressure.isPressured).toBe(false);
    expect(counts).toBe(2);
    now += 50;
    open = 63;
    connections = 1;
    expect(pressure.isPressured).toBe(true);
    expect(counts).toBe(3);
    // Whatever else is open: one client at a time is served.
    expect(pressure.maxConnections).toBe(1);
    open = undefined;
    now += 50;
    expect(pressure.isPressured).toBe(true);
    pressure.stop();
  });

  it('is counted less often far from the limit', () => {
    let counts = 0;
    const pressure = new FdPressure({
      connections: () => 0,
      countOpen: () => {
        counts += 1;
        return 400;
      },
      limit: () => 10_500,
      now: () => 0,
    });
    for (let i = 0; i < 1_000; i += 1) expect(pressure.isPressured).toBe(false);
    expect(counts).toBe(1);
    expect(pressure.isPressured).toBe(false);
    expect(counts).toBe(2);
    pressure.stop();
  });

  it("follows the embedder's check, except for shortages reported by the system", () => {
    let says = false;
    const pressure = new FdPressure({ connections: () => 0, check: () => says, limit: () => undefined });
    expect(pressure.isPressured).toBe(false);
    says = true;
    expect(pressure.isPressured).toBe(true);
    says = false;
    expect(pressure.isPressured).toBe(false);
    pressure.reportExhausted();
    expect(pressure.isPressured).toBe(true);
    pressure.stop();
  });

  it('is recognized in an error and its causes', () => {
    const cause = Object.assign(new Error('no more'), { code: 'EMFILE' });
    expect(isDescriptorShortage(cause)).toBe(true);
    expect(isDescriptorShortage(new Error('it failed', { cause }))).toBe(true);
    expect(isDescriptorShortage(Object.assign(new Error('full'), { code: 'ENFILE' }))).toBe(true);
    expect(isDescriptorShortage(new Error('it failed'))).toBe(false);
    expect(isDescriptorShortage('EMFILE')).toBe(false);
  });
});
