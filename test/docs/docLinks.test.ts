import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const PAGES = [
  'README.md',
  'CHANGELOG.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

const textOf = (page: string): string =>
  readFileSync(join(ROOT, page), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');

/** The anchors that GitHub makes of a page's headings. */
function anchorsOf(page: string): string[] {
  const seen = new Map<string, number>();
  return [...textOf(page).matchAll(/^#{1,6} +(.+)$/gm)].map(({ 1: heading = '' }) => {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-');
    const earlier = seen.get(slug) ?? 0;
    seen.set(slug, earlier + 1);
    return earlier === 0 ? slug : `${slug}-${earlier}`;
  });
}

/** Why the page's relative links don't resolve. */
function brokenLinksOf(page: string): string[] {
  const links = [
    ...textOf(page).matchAll(/\]\(([^)\s]+)\)/g),
    ...textOf(page).matchAll(/\b(?:src|srcset|href)="([^"]+)"/g),
  ].map(({ 1: link = '' }) => link);
  return links.flatMap((link) => {
    if (/^[a-z]+:/.test(link)) return [];
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? page : join(dirname(page), file);
    if (!existsSync(join(ROOT, target))) return [`${link}: no such file`];
    if (anchor === undefined || !target.endsWith('.md')) return [];
    return anchorsOf(target).includes(anchor) ? [] : [`${link}: no such heading`];
  });
}

describe('relative links', () => {
  it.each(PAGES)('of %s lead to a file and heading that exist', (page) => {
    expect(brokenLinksOf(page)).toEqual([]);
  });
});
