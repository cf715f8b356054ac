import { randomBytes } from 'node:crypto';

const BYTES = 16;
const POOL_BYTES = 256 * BYTES;
// One call of the system's for many: a call costs more than all else about an id.
let pool = randomBytes(0);
let taken = 0;

/** 16 bytes of the system's randomness, which nobody else gets. */
export function randomKey(): Buffer {
  if (taken >= pool.length) {
    pool = randomBytes(POOL_BYTES);
    taken = 0;
  }
  taken += BYTES;
  return pool.subarray(taken - BYTES, taken);
}

/** 128 random bits as 32 lower-case hexadecimal digits. */
export function randomId(): string {
  return randomKey().toString('hex');
}
