import { Socket } from 'node:net';
import { FrameReader } from '../protocol/FrameReader';
import type { Frame } from '../protocol/frame';
import { HandoffClientError } from './HandoffClientError';

/** Who is told of a connection's frames, until it's the application's. */
export interface FrameListener {
  /** A frame has come. Returning true makes the connection the application's, with every byte behind this frame. */
  onFrame(frame: Frame): boolean;
  /** The connection has ended, failed or brought what isn't a frame; it's told once, and no frame follows. */
  onLost(error?: Error): void;
}

/** Options of {@link HandoffSocket}. */
export interface HandoffSocketOptions {
  readonly allowHalfOpen: boolean;
  /** Whether an end without a single byte means that the request was lost. */
  readonly isEndWithoutReplyLoss: boolean;
}

/**
 * A connection that begins with frames and then becomes the application's. Frames never enter the stream, so that it
 * is as good as new when the application gets it.
 */
export class HandoffSocket extends Socket {
  readonly #reader = new FrameReader();
  readonly #isEndWithoutReplyLoss: boolean;
  #listener: FrameListener | undefined;
  #isApplications = false;
  #hasReply = false;

  constructor(options: HandoffSocketOptions, listener: FrameListener) {
    super({ allowHalfOpen: options.allowHalfOpen });
    this.#isEndWithoutReplyLoss = options.isEndWithoutReplyLoss;
    this.#listener = listener;
    this.on('error', this.#onError);
    this.on('close', this.#onClose);
  }

  /** Destroys the connection; its listener isn't told of anything again. */
  abandon(): void {
    this.#listener = undefined;
    this.destroy();
  }

  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (this.#isApplications) {
      if (chunk === null) {
        if (!this.#hasReply && this.#isEndWithoutReplyLoss) {
          this.destroy(lost('the connection ended before the first byte of a reply'));
          return false;
        }
      } else {
        this.#hasReply = true;
      }
      return super.push(chunk, encoding);
    }
    if (chunk === null) {
      this.#lose();
      this.destroy();
      return false;
    }
    if (Buffer.isBuffer(chunk)) this.#takeFrames(chunk);
    return true;
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const isReset = this.#isApplications && error !== null && isResetError(error);
    super._destroy(isReset ? lost('the connection was reset', error) : error, callback);
  }

  #takeFrames(chunk: Buffer): void {
    this.#reader.push(chunk);
    try {
      for (;;) {
        const frame = this.#listener === undefined ? undefined : this.#reader.next();
        if (frame === undefined) return;
        if (this.#listener?.onFrame(frame) === true) break;
      }
    } catch (error) {
      this.#lose(error instanceof Error ? error : undefined);
      this.destroy();
      return;
    }
    this.#isApplications = true;
    this.#listener = undefined;
    this.off('error', this.#onError);
    this.off('close', this.#onClose);
    const rest = this.#reader.takeRest();
    if (rest.length > 0) this.push(rest);
  }

  #lose(error?: Error): void {
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.onLost(error);
  }

  readonly #onError = (error: Error): void => this.#lose(error);
  readonly #onClose = (): void => this.#lose();
}

function isResetError(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return (
    code === 'ECONNRESET' ||
    code === 'EPIPE' ||
    code === 'ECONNABORTED' ||
    code === 'ERR_STREAM_PREMATURE_CLOSE'
  );
}

function lost(message: string, cause?: Error): HandoffClientError {
  return new HandoffClientError('connectionLost', `${message}; the request may have run`, { cause });
}
