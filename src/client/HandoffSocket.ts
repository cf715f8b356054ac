import { Socket } from 'node:net';
import { FrameReader } from '../protocol/FrameReader';
import type { Frame } from '../protocol/frame';
import { HandoffClientError } from './HandoffClientError';

/** Receives a connection's frames until the application takes it over. */
export interface FrameListener {
  /** A frame arrived. Return true to give the connection, with every byte after this frame, to the application. */
  onFrame(frame: Frame): boolean;
  /** The connection ended, failed or received an invalid frame. Called once, and no frame follows. */
  onLost(error?: Error): void;
}

/** Options of {@link HandoffSocket}. */
export interface HandoffSocketOptions {
  readonly allowHalfOpen: boolean;
  /** Whether an end without any byte means that the request was lost. */
  readonly isEndWithoutReplyLoss: boolean;
}

/**
 * A connection that begins with frames and then carries the application's bytes. Frames never enter the stream, so the
 * application gets an unused stream.
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

  /** Destroys the connection without calling its listener. */
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
