import type { Socket } from 'node:net';
import fc from 'fast-check';
import { BatchedWriter } from '../../src/net/BatchedWriter';

const COPIED_BYTES = 16 * 1024;

/** A socket that notes what it is told. */
function createSocket() {
  const calls: (Buffer | 'cork' | 'uncork')[] = [];
  const socket = {
    write: (bytes: Uint8Array) => calls.push(Buffer.from(bytes)),
    cork: () => calls.push('cork'),
    uncork: () => calls.push('uncork'),
  };
  return { calls, writer: new BatchedWriter(socket as unknown as Socket) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const texts = (calls: readonly unknown[]): string[] => calls.map(String);
const bytes = (text: string): Buffer => Buffer.from(text);

describe('a batched writer', () => {
  it.each([10, COPIED_BYTES + 1])(
    'tells its owner that %p bytes could not be written, and nothing where they were',
    (size) => {
      const answers: ((error?: Error | null) => void)[] = [];
      const socket = {
        write: (_bytes: Uint8Array, answer: (error?: Error | null) => void) => answers.push(answer),
        cork() {},
        uncork() {},
      };
      let failures = 0;
      const writer = new BatchedWriter(socket as unknown as Socket, () => {
        failures += 1;
      });
      writer.write(Buffer.alloc(size));
      answers[0]?.(null);
      answers[0]?.();
      expect(failures).toBe(0);
      answers[0]?.(new Error('EPIPE'));
      expect(failures).toBe(1);
      // The callback is optional.
      const silent = new BatchedWriter(socket as unknown as Socket);
      silent.write(Buffer.alloc(size));
      expect(() => answers.at(-1)?.(new Error('EPIPE'))).not.toThrow();
    },
  );

  it("writes a turn's first pieces at once and the rest together at its end, turn after turn", async () => {
    const { calls, writer } = createSocket();
    for (let round = 0; round < 2; round += 1) {
      writer.write(bytes('a'), bytes('b'));
      expect(texts(calls)).toEqual(['ab']);
      writer.write(bytes('c'), bytes('d'));
      writer.write(bytes('e'));
      expect(texts(calls)).toEqual(['ab']);
      await turn();
      expect(texts(calls)).toEqual(['ab', 'cde']);
      await turn();
      expect(texts(calls.splice(0))).toEqual(['ab', 'cde']);
    }
  });

  it('writes nothing for a turn in which no more came', async () => {
    const { calls, writer } = createSocket();
    writer.write();
    writer.write(bytes('a'));
    await turn();
    writer.flush();
    expect(texts(calls)).toEqual(['a']);
  });

  it('writes the pending batch once when flushed', async () => {
    const { calls, writer } = createSocket();
    writer.write(bytes('a'));
    writer.write(bytes('b'));
    writer.flush();
    expect(texts(calls)).toEqual(['a', 'b']);
    writer.write(bytes('c'));
    await turn();
    expect(texts(calls)).toEqual(['a', 'b', 'c']);
  });

  it.each([
    [COPIED_BYTES, 1],
    [COPIED_BYTES + 1, 4],
  ])('copies %p bytes or not: %p calls', (size, count) => {
    const { calls, writer } = createSocket();
    const pieces = [Buffer.alloc(size - 1, 'x'), bytes('y')];
    writer.write(...pieces);
    expect(calls).toHaveLength(count);
    if (count > 1) expect([calls[0], calls[3]]).toEqual(['cork', 'uncork']);
    expect(
      Buffer.concat(calls.filter((call) => typeof call !== 'string')).equals(Buffer.concat(pieces)),
    ).toBe(true);
  });

  it('keeps the order, however the pieces come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(fc.uint8Array({ minLength: 1, maxLength: 20 }))), async (steps) => {
        const { calls, writer } = createSocket();
        for (const step of steps) {
          if (step === null) await turn();
          else writer.write(step);
        }
        await turn();
        const written = Buffer.concat(calls.filter((call) => typeof call !== 'string'));
        expect(written.equals(Buffer.concat(steps.filter((step) => step !== null)))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});
