import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { RECONNECT_REASONS } from '../../machines/vocabulary';
import { parseInWords } from '../errors/parseInWords';
import { messageOf } from '../errors/showValue';
import { maxSocketPathBytes } from '../net/maxSocketPathBytes';
import { backendSummarySchema, brokerSummarySchema } from './brokerStatus';
import { traceparentField } from './traceparent';
import { MAX_DEADLINE_MS } from './wireLimits';

const id = z.string().refine((text) => /^[0-9a-f]{32}$/.test(text), {
  params: { expected: '32 lower-case hexadecimal digits' },
});
const milliseconds = z.number().nonnegative();
/** Absolute and not too long, so that connecting uses exactly this path, whatever the reader's working directory. */
const endpoint = z
  .string()
  .refine(
    (path) => isAbsolute(path) && Buffer.byteLength(path) <= maxSocketPathBytes() && !path.includes('\0'),
    { params: { expected: `the absolute path of a socket, of at most ${maxSocketPathBytes()} bytes` } },
  );
const noFields: z.ZodType<object> = z.object({});
const channelVersion = z.number().int().positive();

const frameSchemas = {
  hello: z.object({
    id,
    service: z.string().min(1).max(256),
    version: z.string().min(1).max(128),
    handoff: z.boolean(),
    /** The process named by an earlier `handoff` frame, and the client's own stamp. */
    knows: z.object({ backend: id, stamp: milliseconds }).optional(),
    traceparent: traceparentField,
  }),
  handoff: z.object({
    backend: id,
    endpoint,
    stamp: milliseconds,
    deadlineMs: z.number().min(1).max(MAX_DEADLINE_MS),
    /** Whether this broker reads `knows` in a `hello`. */
    knows: z.boolean().optional(),
  }),
  reconnect: z.object({
    reason: z.enum(RECONNECT_REASONS),
    retryAfterMs: milliseconds.optional(),
    backend: id,
    endpoint,
    stamp: milliseconds,
  }),
  error: z.object({
    code: z.string().min(1).max(64),
    message: z.string(),
    retryable: z.boolean(),
    retryAfterMs: milliseconds.optional(),
  }),
  attach: z.object({ id, backend: id, stamp: milliseconds, traceparent: traceparentField }),
  ready: noFields,
  claimed: noFields,
  probe: noFields,
  identity: z.object({
    backend: id,
    serviceName: z.string(),
    serviceVersion: z.string(),
    pid: z.number().int().positive(),
  }),
  status: noFields,
  statusReply: z.object({
    /** In the first one. */
    broker: brokerSummarySchema.optional(),
    backends: z.array(backendSummarySchema),
    /** No other follows. */
    last: z.boolean(),
  }),
  openChannel: z.object({ backend: id, token: id, lowest: channelVersion, highest: channelVersion }),
  channelOpened: z.object({
    version: channelVersion,
    /** Whether the process can take descriptors, over a connection of their own. */
    descriptors: z.boolean(),
  }),
  carryDescriptors: z.object({ token: id }),
};

/** Name of a frame's type. */
export type FrameType = keyof typeof frameSchemas;

/** The payload of a frame of type `T`. */
export type FramePayload<T extends FrameType> = z.infer<(typeof frameSchemas)[T]>;

/** A frame: its type's name and its payload's fields. */
export type Frame = { [T in FrameType]: { readonly type: T } & Readonly<FramePayload<T>> }[FrameType];

/** The frame of type `T`. */
export type FrameOf<T extends FrameType> = Extract<Frame, { type: T }>;

/** Each type's number on the wire. */
export const FRAME_TYPE_NUMBERS = {
  hello: 1,
  handoff: 2,
  reconnect: 3,
  error: 4,
  attach: 5,
  ready: 6,
  claimed: 7,
  probe: 8,
  identity: 9,
  status: 10,
  statusReply: 11,
  openChannel: 12,
  channelOpened: 13,
  carryDescriptors: 14,
} as const satisfies Record<FrameType, number>;

const typesByNumber = new Map<number, FrameType>(
  Object.entries(FRAME_TYPE_NUMBERS).map(([type, number]) => [number, type as FrameType]),
);

/** The type with this number, or undefined. */
export function frameTypeOf(number: number): FrameType | undefined {
  return typesByNumber.get(number);
}

/** Checks the payload; returns the frame, or the first fault. */
export function parseFrame(type: FrameType, payload: unknown): { frame: Frame } | { problem: string } {
  try {
    const fields = parseInWords<z.ZodType<object>>(frameSchemas[type], payload, 'the payload');
    // TypeScript can't see that the schema belongs to the type.
    return { frame: { type, ...fields } as Frame };
  } catch (fault) {
    return { problem: messageOf(fault).replace(/\n.*/s, '') };
  }
}
