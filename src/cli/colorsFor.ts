import pc from 'picocolors';

/** Colors for a stream, or none. */
export type Colors = ReturnType<typeof pc.createColors>;

/** What is asked of a stream. */
export interface MaybeTerminal {
  readonly isTTY?: boolean | undefined;
}

/**
 * Colors on a terminal, and nowhere else, unless the user says otherwise: `FORCE_COLOR` (`0` or `false` for none) goes
 * before `NO_COLOR`, as it does in Node itself. An empty variable says nothing.
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
