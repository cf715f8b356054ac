import { redact } from './redact';
import { withParams } from './withParams';

/** Guards made by `and`, `or`, `not` and `stateIn` are functions with a field of what they were made of. */
function functionText(fn: { readonly name: string }): string {
  const { guards, stateValue } = fn as { readonly guards?: unknown; readonly stateValue?: unknown };
  if (Array.isArray(guards)) return `${fn.name}(${guards.map(partText).join(', ')})`;
  if (stateValue === undefined) return fn.name;
  return `${fn.name}(${typeof stateValue === 'string' ? stateValue : JSON.stringify(stateValue)})`;
}

function partText(guard: unknown): string {
  const { params } = (typeof guard === 'object' && guard !== null ? guard : {}) as {
    readonly params?: unknown;
  };
  return withParams(guardText(guard), params);
}

/** A guard as text: its name, or its parts. */
export function guardText(guard: unknown): string {
  if (typeof guard === 'string') return guard;
  if (typeof guard === 'function') return functionText(guard) || 'guard';
  if (typeof guard === 'object' && guard !== null && 'type' in guard) return guardText(guard.type);
  return 'guard';
}

/**
 * A machine's config as JSON text for inspectors. Redacts its context and the inputs of invoked actors, which may contain
 * secrets.
 */
export function definitionText(config: object): string {
  const { id, context } = config as { readonly id?: unknown; readonly context?: unknown };
  const shown = typeof context === 'object' ? { ...config, context: redact(context) } : config;
  try {
    return JSON.stringify(shown, function (this: object, key, value: unknown) {
      if (typeof value === 'function') return { type: functionText(value) };
      if (typeof value === 'bigint') return String(value);
      if (key === 'input' && 'src' in this) return redact(value);
      // The logic of an inline invoked actor may be a whole chart.
      if (key === 'src' && typeof value === 'object' && value !== null) return 'inline';
      return value;
    });
  } catch {
    // For instance, `meta` is circular or nested too deep.
    return JSON.stringify({ id: typeof id === 'string' ? id : undefined });
  }
}
