import { copyDefinition } from './copyDefinition';
import { redact } from './redact';
import { withParams } from './withParams';

/** Guards made by `and`, `or`, `not` and `stateIn` are functions with a field of what they were made of. */
function functionText(fn: { readonly name: string }): string {
  const { guards, stateValue } = fn as { readonly guards?: unknown; readonly stateValue?: unknown };
  if (Array.isArray(guards)) return `${fn.name}(${guards.map(partText).join(', ')})`;
  if (stateValue === undefined) return fn.name;
  return `${fn.name}(${typeof stateValue === 'string' ? stateValue : JSON.stringify(redact(stateValue))})`;
}

function partText(guard: unknown): string {
  const { params } = (typeof guard === 'object' && guard !== null ? guard : {}) as {
    readonly params?: unknown;
  };
  return withParams(guardText(guard), redact(params));
}

/** A guard as text: its name, or its parts. */
export function guardText(guard: unknown): string {
  if (typeof guard === 'string') return guard;
  if (typeof guard === 'function') return functionText(guard) || 'guard';
  if (typeof guard === 'object' && guard !== null && 'type' in guard) return guardText(guard.type);
  return 'guard';
}

/**
 * A machine's config as JSON text for inspectors, of bounded size. Redacts the data in it, such as its context and the inputs
 * of invoked actors, which may contain secrets.
 */
export function definitionText(config: object): string {
  try {
    return JSON.stringify(copyDefinition(config, functionText));
  } catch {
    // A getter or proxy of the inspected app threw.
    return '{}';
  }
}
