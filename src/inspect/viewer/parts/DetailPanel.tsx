import { viewActor } from '../store/ActorView';
import type { ViewerState } from '../store/ViewerState';
import { JsonTree } from './JsonTree';

/** The selected actor's data, and its last event. */
export function DetailPanel({ state }: { readonly state: ViewerState }) {
  const { selected: actor, seq } = state;
  const step = actor && viewActor(actor, seq)?.step;
  const { type, ...fields } = step?.event ?? { type: '' };
  const { context, output, error } = step?.snapshot ?? {};
  return (
    <section class="panel details" aria-labelledby="details-title">
      <header class="panel-head">
        <h2 id="details-title">Context</h2>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keys. */}
      <section class="details-body" tabIndex={0} aria-label="Context and last event">
        {context !== undefined && <JsonTree value={context} />}
        {output !== undefined && (
          <>
            <h3>Output</h3>
            <JsonTree value={output} />
          </>
        )}
        {error !== undefined && (
          <>
            <h3>Error</h3>
            <JsonTree value={error} />
          </>
        )}
        {type !== '' && (
          <>
            <h3>
              Last event <code>{type}</code>
            </h3>
            <JsonTree value={fields} />
          </>
        )}
      </section>
    </section>
  );
}
