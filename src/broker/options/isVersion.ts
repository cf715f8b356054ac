import { parse } from 'semver';

/** Whether a text is a semantic version in full, perhaps with a prerelease and build metadata: `1.4.2-rc.1+build.7`. */
export function isVersion(text: string): boolean {
  const parsed = parse(text);
  if (parsed === null) return false;
  // The library also takes `v1.4.2` and blanks around it.
  return text === [parsed.version, ...(parsed.build.length > 0 ? [parsed.build.join('.')] : [])].join('+');
}
