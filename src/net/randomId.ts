import { randomBytes } from 'node:crypto';

const BYTES = 16;
const POOL_BYTES = 256 * BYTES;
// One system call for many ids: the call is most of an id's cost.
let pool = randomBytes(0);
let taken = 0;

/** 16 random bytes, never returned twice. */
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
