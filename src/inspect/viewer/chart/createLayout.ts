import ELK from 'elkjs/lib/elk-api';
import type { LayoutGraph } from './layoutChart';

/** Layout in a worker, which is started when it's first needed. */
export function createLayout(): LayoutGraph {
  let elk: InstanceType<typeof ELK> | undefined;
  return (graph) => {
    elk ??= new ELK({ workerUrl: 'layoutWorker.js' });
    return elk.layout(graph);
  };
}
