/**
 * What goes wrong at run time: `code` tells which failure it is, `cause` what led to it. Each entry point throws a class of its
 * own that extends this one. Bad arguments are a `TypeError` or `RangeError` instead.
 */
export class HandoffError<Code extends string = string> extends Error {
  override readonly name: string = 'HandoffError';
  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
