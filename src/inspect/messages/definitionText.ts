import { redact } from './redact';

/** Guards made by `and`, `or`, `not` and `stateIn` are functions that carry what they are made of. */
function functionText(fn: { readonly name: string }): string {
  const { guards } = fn as { readonly guards?: unknown };
  if (!Array.isArray(guards)) return fn.name;
  return `${fn.name}(${guards.map(guardText).join(', ')})`;
}

/** A guard as people would read it: its name, or what it is made of. */
export function guardText(guard: unknown): string {
  if (typeof guard === 'string') return guard;
  if (typeof guard === 'function') return functionText(guard);
  if (typeof guard === 'object' && guard !== null && 'type' in guard) return guardText(guard.type);
  return 'guard';
}

/**
 * A machine's config as JSON text, in the form that inspectors read. Its context and the inputs of invoked actors are
 * data, which may hold secrets.
 */
export function definitionText(config: object): string {
  const { id, context } = config as { readonly id?: unknown; readonly context?: unknown };
  const shown = typeof context === 'object' ? { ...config, context: redact(context) } : config;
  try {
    return JSON.stringify(shown, function (this: object, key, value: unknown) {
      if (typeof value === 'function') return { type: functionText(value) };
      if (typeof value === 'bigint') return String(value);
      if (key === 'input' && 'src' in this) return redact(value);
      // The logic of an invoked actor, in place: a chart of its own.
      if (key === 'src' && typeof value === 'object' && value !== null) return 'inline';
      return value;
    });
  } catch {
    // Somebody's `meta` refers to itself, or is nested too deep.
    return JSON.stringify({ id: typeof id === 'string' ? id : undefined });
  }
}
