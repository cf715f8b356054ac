import { parse } from 'semver';

/** Whether a text is a complete semantic version, such as `1.4.2` or `1.4.2-rc.1+build.7`. */
export function isVersion(text: string): boolean {
  const parsed = parse(text);
  if (parsed === null) return false;
  // The library also accepts `v1.4.2` and surrounding blanks.
  return text === [parsed.version, ...(parsed.build.length > 0 ? [parsed.build.join('.')] : [])].join('+');
}
