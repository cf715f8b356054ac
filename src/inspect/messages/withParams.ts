const MAX_CHARACTERS = 40;

/** A guard's or action's name with its params, if they aren't made by a function: `isAbove(10)`, `log(level: 2, text: x)`. */
export function withParams(name: string, params: unknown): string {
  if (typeof params !== 'object' || params === null) return name;
  const fields = Object.entries(params);
  const [only] = fields;
  // In a definition as JSON, a function is an object with its name.
  if (!only || (fields.length === 1 && only[0] === 'type' && only[1] === 'params')) return name;
  const text =
    fields.length === 1
      ? valueText(only[1])
      : fields.map(([field, value]) => `${field}: ${valueText(value)}`).join(', ');
  return `${name}(${text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}…` : text})`;
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
}
