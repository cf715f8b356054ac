// Bundles the page of the inspector and what it loads: node scripts/buildViewer.cjs [folder]
const { buildSync } = require('esbuild');

const VIEWER = 'src/inspect/viewer';
const FONTS = '@fontsource-variable';

buildSync({
  entryPoints: {
    viewer: `${VIEWER}/main.tsx`,
    layoutWorker: `${VIEWER}/layoutWorker.ts`,
    index: `${VIEWER}/index.html`,
    favicon: `${VIEWER}/favicon.svg`,
    inter: `${FONTS}/inter/files/inter-latin-wght-normal.woff2`,
    'jetbrains-mono': `${FONTS}/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2`,
  },
  outdir: process.argv[2] ?? 'dist/viewer',
  bundle: true,
  minify: true,
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  loader: { '.html': 'copy', '.svg': 'copy', '.woff2': 'copy' },
  external: ['/*.woff2'],
  legalComments: 'eof',
  logLevel: 'warning',
});
