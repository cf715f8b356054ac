/** Data as nested lists of names and values. */
export function JsonTree({ value }: { readonly value: unknown }) {
  if (typeof value !== 'object' || value === null) {
    return <span class={`json-${value === null ? 'null' : typeof value}`}>{scalarText(value)}</span>;
  }
  const entries = Object.entries(value);
  if (entries.length === 0)
    return <p class="json-empty">{Array.isArray(value) ? 'no items' : 'no fields'}</p>;
  return (
    <dl class="json">
      {entries.map(([name, inner]) => (
        <div key={name} class={isTree(inner) ? 'json-inner' : ''}>
          <dt>{breakable(name)}</dt>
          <dd>
            <JsonTree value={inner} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Allows line breaks between the words of a long name. */
function breakable(name: string) {
  return name
    .split(/(?<=[a-z0-9])(?=[A-Z])/)
    .flatMap((word, index) => (index === 0 ? [word] : [<wbr key={word} />, word]));
}

function isTree(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

function scalarText(value: unknown): string {
  return typeof value === 'string' ? value : String(value);
}
