import ELK from 'elkjs/lib/elk-api';
import type { LayoutGraph } from './layoutChart';

/** Lays out in a worker, started on demand. */
export function createLayout(): LayoutGraph {
  let elk: InstanceType<typeof ELK> | undefined;
  return (graph) => {
    elk ??= new ELK({ workerUrl: 'layoutWorker.js' });
    return elk.layout(graph);
  };
}
