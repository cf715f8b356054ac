import pc from 'picocolors';

/** Functions that colour a text, or return it unchanged. */
export type Colors = ReturnType<typeof pc.createColors>;

/** The part of a stream that matters here. */
export interface MaybeTerminal {
  readonly isTTY?: boolean | undefined;
}

/**
 * Whether to use colours: on a terminal only, unless `FORCE_COLOR` (`0` or `false`: never) or `NO_COLOR` is set. `FORCE_COLOR`
 * takes precedence, as in Node. Empty variables are ignored.
 */
export function hasColors(stream: MaybeTerminal, env: NodeJS.ProcessEnv = process.env): boolean {
  const { FORCE_COLOR: force, NO_COLOR: none, TERM: terminal } = env as Readonly<Record<string, string>>;
  if (force) return force !== '0' && force !== 'false';
  if (none) return false;
  return stream.isTTY === true && terminal !== 'dumb';
}

/** See {@link hasColors}. */
export function colorsFor(stream: MaybeTerminal): Colors {
  return pc.createColors(hasColors(stream));
}
