/** Whether a transition's event descriptor applies to an event, as in XState: `foo.bar`, `foo.*` or `*`. */
export function matchesEvent(descriptor: string, type: string): boolean {
  if (descriptor === type || descriptor === '*') return true;
  if (!descriptor.endsWith('.*')) return false;
  const tokens = descriptor.split('.').slice(0, -1);
  const eventTokens = type.split('.');
  return tokens.every((token, index) => token === eventTokens[index]);
}
