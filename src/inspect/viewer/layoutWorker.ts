// The layout library's own worker: off the page's thread, a layout never costs a frame.
import 'elkjs/lib/elk-worker.min.js';
