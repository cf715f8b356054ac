// The layout library's worker, so that a layout doesn't block the page.
import 'elkjs/lib/elk-worker.min.js';
