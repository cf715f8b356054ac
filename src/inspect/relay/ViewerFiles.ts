import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from './packageRoot';

/** The files of the built page by URL path; nothing else is served. */
const FILES: ReadonlyMap<string, { readonly file: string; readonly type: string }> = new Map([
  ['/', { file: 'index.html', type: 'text/html; charset=utf-8' }],
  ['/viewer.js', { file: 'viewer.js', type: 'text/javascript; charset=utf-8' }],
  ['/viewer.css', { file: 'viewer.css', type: 'text/css; charset=utf-8' }],
  ['/layoutWorker.js', { file: 'layoutWorker.js', type: 'text/javascript; charset=utf-8' }],
  ['/favicon.svg', { file: 'favicon.svg', type: 'image/svg+xml' }],
  ['/inter.woff2', { file: 'inter.woff2', type: 'font/woff2' }],
  ['/jetbrains-mono.woff2', { file: 'jetbrains-mono.woff2', type: 'font/woff2' }],
]);

/** One file of the page. */
export interface ViewerFile {
  readonly type: string;
  readonly content: Buffer;
}

/** The built page. Each file is read once, at the first request. */
export class ViewerFiles {
  readonly #read = new Map<string, Promise<ViewerFile>>();

  constructor(private readonly folder = join(packageRoot(), 'dist', 'viewer')) {}

  /**
   * The file at a URL path; undefined if there is none.
   * @throws {Error} the page hasn't been built (the promise rejects)
   */
  at(path: string): Promise<ViewerFile> | undefined {
    const found = FILES.get(path);
    if (!found) return undefined;
    const earlier = this.#read.get(path);
    if (earlier) return earlier;
    const reading = readFile(join(this.folder, found.file)).then((content) => ({
      type: found.type,
      content,
    }));
    this.#read.set(path, reading);
    reading.catch(() => this.#read.delete(path));
    return reading;
  }
}
