import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { messageOf } from '../errors/showValue';

/** The part of koffi's API used here; the package is an optional dependency. */
interface Koffi {
  load(path: null): { func(prototype: string): (...args: readonly unknown[]) => unknown };
  alloc(type: 'uint8_t', length: number): unknown;
  address(memory: unknown): bigint;
  view(memory: unknown, bytes: number): ArrayBuffer;
  errno(): number;
}

/**
 * Passes descriptors over a Unix-domain socket (`SCM_RIGHTS`), each with one byte, and says who is at its other end
 * (`SO_PEERCRED`). Node has no API for either.
 */
export interface ScmRights {
  /**
   * Never blocks.
   *
   * @throws {NodeJS.ErrnoException} the system's error; nothing was sent.
   */
  send(socket: number, descriptor: number): void;
  /**
   * The next descriptor. `lost`: one was sent, but this process had no free descriptor. `none`: nothing arrived. Never blocks.
   */
  receive(socket: number): number | 'lost' | 'none';
  /** The user id of the process at the other end of a Unix-domain socket; undefined if it isn't one. */
  peerUser(socket: number): number | undefined;
}

// The layout of `struct msghdr` and what it points to, on Linux with 64 bits, in one piece of memory.
const NAME_AND_FLAGS_BYTES = 56;
const IOV = 16;
const IOV_COUNT = 24;
const CONTROL = 32;
const CONTROL_LENGTH = 40;
const FLAGS = 48;
const IOV_AT = NAME_AND_FLAGS_BYTES;
const CONTROL_AT = IOV_AT + 16;
const DESCRIPTOR_AT = CONTROL_AT + 16;
const CONTROL_BYTES = 24;
const BYTE_AT = CONTROL_AT + CONTROL_BYTES;
const MESSAGE_BYTES = BYTE_AT + 8;
const CONTROL_HEADER_AND_DESCRIPTOR = 20;

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SO_PEERCRED = process.arch === 'ppc64' ? 21 : 17;
// `struct ucred`: process, user and group id, of four bytes each.
const CREDENTIALS_BYTES = 12;
const USER_AT = 4;
const MSG_CTRUNC = 0x8;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;

let loaded: ScmRights | undefined | 'not yet' = 'not yet';
let problem = '';

/** Undefined on other systems than Linux, and without the package koffi. */
export function scmRights(): ScmRights | undefined {
  if (loaded === 'not yet') loaded = isLayoutKnown() ? load() : unavailable('this platform has no other way');
  return loaded;
}

/** Why `scmRights` is undefined. */
export function scmRightsProblem(): string {
  return problem;
}

function unavailable(why: string): undefined {
  problem = why;
  return undefined;
}

function isLayoutKnown(): boolean {
  return (
    process.platform === 'linux' &&
    endianness() === 'LE' &&
    ['x64', 'arm64', 'riscv64', 'loong64', 'ppc64'].includes(process.arch)
  );
}

function load(): ScmRights | undefined {
  let koffi: Koffi;
  let sendmsg: (...args: readonly unknown[]) => unknown;
  let recvmsg: (...args: readonly unknown[]) => unknown;
  let getsockopt: (...args: readonly unknown[]) => unknown;
  try {
    koffi = createRequire(__filename)('koffi') as Koffi;
    const libc = koffi.load(null);
    sendmsg = libc.func('int64_t sendmsg(int, void *, int)');
    recvmsg = libc.func('int64_t recvmsg(int, void *, int)');
    getsockopt = libc.func('int getsockopt(int, int, int, void *, void *)');
  } catch (error) {
    // Not installed, hidden by a bundler, or not for this machine.
    const [reason] = messageOf(error).split('\n');
    return unavailable(`the optional dependency koffi can't be loaded (${reason})`);
  }
  const outgoing = createMessage(koffi);
  outgoing.bytes.writeBigUInt64LE(BigInt(CONTROL_HEADER_AND_DESCRIPTOR), CONTROL_AT);
  outgoing.bytes.writeInt32LE(SOL_SOCKET, CONTROL_AT + 8);
  outgoing.bytes.writeInt32LE(SCM_RIGHTS, CONTROL_AT + 12);
  const incoming = createMessage(koffi);
  const credentials = createMemory(koffi, CREDENTIALS_BYTES);
  const credentialsSize = createMemory(koffi, 4);
  return {
    send(socket, descriptor) {
      outgoing.bytes.writeInt32LE(descriptor, DESCRIPTOR_AT);
      if (sendmsg(socket, outgoing.memory, MSG_DONTWAIT | MSG_NOSIGNAL) === 1) return;
      const errno = koffi.errno();
      const code = getSystemErrorName(-errno);
      throw Object.assign(new Error(`sendmsg ${code}`), { errno: -errno, code, syscall: 'sendmsg' });
    },
    receive(socket) {
      incoming.bytes.writeUInt32LE(CONTROL_BYTES, CONTROL_LENGTH);
      if (recvmsg(socket, incoming.memory, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) !== 1) return 'none';
      const hasDescriptor =
        incoming.bytes.readUInt32LE(CONTROL_LENGTH) >= CONTROL_HEADER_AND_DESCRIPTOR &&
        (incoming.bytes.readUInt32LE(FLAGS) & MSG_CTRUNC) === 0;
      return hasDescriptor ? incoming.bytes.readInt32LE(DESCRIPTOR_AT) : 'lost';
    },
    peerUser(socket) {
      credentialsSize.bytes.writeUInt32LE(CREDENTIALS_BYTES);
      const failed = getsockopt(socket, SOL_SOCKET, SO_PEERCRED, credentials.memory, credentialsSize.memory);
      return failed === 0 ? credentials.bytes.readUInt32LE(USER_AT) : undefined;
    },
  };
}

interface Memory {
  readonly memory: unknown;
  readonly bytes: Buffer;
}

function createMemory(koffi: Koffi, size: number): Memory {
  const memory = koffi.alloc('uint8_t', size);
  return { memory, bytes: Buffer.from(koffi.view(memory, size)).fill(0) };
}

function createMessage(koffi: Koffi): Memory {
  const { memory, bytes } = createMemory(koffi, MESSAGE_BYTES);
  const address = koffi.address(memory);
  bytes.writeBigUInt64LE(address + BigInt(IOV_AT), IOV);
  bytes.writeBigUInt64LE(1n, IOV_COUNT);
  bytes.writeBigUInt64LE(address + BigInt(CONTROL_AT), CONTROL);
  bytes.writeBigUInt64LE(BigInt(CONTROL_BYTES), CONTROL_LENGTH);
  bytes.writeBigUInt64LE(address + BigInt(BYTE_AT), IOV_AT);
  bytes.writeBigUInt64LE(1n, IOV_AT + 8);
  return { memory, bytes };
}
