import { runInNewContext } from 'node:vm';
import { connect } from '../../src/client';
import { copyBytes } from '../../src/client/copyBytes';
import { errorOf } from '../support/errorOf';
import { readBytes } from './support/readAll';
import { TestBrokers } from './support/TestBrokers';

const NUMBERS = [1, 2.5, -3, 70_000, 2 ** 40];
const BIG_NUMBERS = [1n, -2n, 2n ** 40n];

/** Each kind of buffer and view, with a part of a buffer that is longer. */
function givenBytes(): [string, ArrayBufferView | ArrayBuffer | SharedArrayBuffer, Buffer][] {
  const views = [
    Int8Array.from(NUMBERS),
    Uint8Array.from(NUMBERS),
    Uint8ClampedArray.from(NUMBERS),
    Int16Array.from(NUMBERS),
    Uint16Array.from(NUMBERS),
    Int32Array.from(NUMBERS),
    Uint32Array.from(NUMBERS),
    Float32Array.from(NUMBERS),
    Float64Array.from(NUMBERS),
    BigInt64Array.from(BIG_NUMBERS),
    BigUint64Array.from(BIG_NUMBERS),
    Float64Array.from(NUMBERS).subarray(1, 3),
    new DataView(Float64Array.from(NUMBERS).buffer, 3, 11),
    Buffer.from('plain'),
    runInNewContext('new Uint16Array([1, 2, 70000])') as Uint16Array,
  ];
  const shared = new SharedArrayBuffer(16);
  new Float64Array(shared).set([1.5, 2.5]);
  const whole = Float64Array.from(NUMBERS).buffer;
  const foreign = runInNewContext('new Float64Array([1.5]).buffer') as ArrayBuffer;
  return [
    ...views.map((view): [string, ArrayBufferView, Buffer] => [
      Object.prototype.toString.call(view),
      view,
      Buffer.from(view.buffer, view.byteOffset, view.byteLength),
    ]),
    ['ArrayBuffer', whole, Buffer.from(whole)],
    ['ArrayBuffer of another realm', foreign, Buffer.from(new Uint8Array(foreign))],
    ['SharedArrayBuffer', shared, Buffer.from(shared)],
    ['a view of a SharedArrayBuffer', new Float64Array(shared), Buffer.from(shared)],
  ];
}

describe('early data', () => {
  const brokers = new TestBrokers();
  afterAll(async () => expect(await brokers.stop()).toEqual([]));

  it.each([true, false])(
    'of any buffer or view arrives as it lies in memory (handoff: %p)',
    async (handoff) => {
      const { socketPath } = await brokers.start();
      for (const [kind, earlyData, bytes] of givenBytes()) {
        const { socket } = await connect({ socketPath, service: 'echo', earlyData, handoff });
        const echoed = await readBytes(socket, bytes.length);
        socket.destroy();
        expect([kind, echoed.toString('hex')]).toEqual([kind, bytes.toString('hex')]);
      }
    },
  );

  it('is copied: what the caller changes afterwards isn\u2019t sent', () => {
    const given = Uint16Array.from([1, 2]);
    const copy = copyBytes('earlyData', given);
    given.fill(9);
    expect(copy.toString('hex')).toBe('01000200');
  });

  it('in a detached buffer, and text that UTF-8 cannot encode, are refused', async () => {
    const gone = new Float64Array(4);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    for (const earlyData of [gone, gone.buffer]) {
      expect(await errorOf(() => connect({ socketPath: '/none', service: 'a', earlyData }))).toMatchObject({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringContaining('earlyData'),
      });
    }
    expect(
      await errorOf(() => connect({ socketPath: '/none', service: 'a', earlyData: 'a\ud800b' })),
    ).toMatchObject({ code: 'ERR_OUT_OF_RANGE', message: expect.stringContaining('earlyData') });
  });

  it('of any other kind is refused', async () => {
    for (const earlyData of [null, 5, [1, 2], { length: 2 }, new Set([1]), () => 'x', Symbol('x'), 5n]) {
      const given = { socketPath: '/none', service: 'a', earlyData: earlyData as unknown as string };
      expect(await errorOf(() => connect(given))).toMatchObject({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringMatching(
          /^earlyData must be a string, an ArrayBuffer or a view of one, but is /,
        ),
      });
    }
  });
});
