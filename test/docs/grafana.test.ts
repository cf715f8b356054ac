import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const ROOT = join(__dirname, '..', '..');
const DASHBOARD = readFileSync(join(ROOT, 'docs', 'grafana', 'handoff.json'), 'utf8');

/** The dashboard's text as a constant of Grafana's own type; in JSON the members of an enumeration are texts. */
const MODULE = `
import type { Dashboard } from '@grafana/schema';
type Plain<T> = T extends string ? \`\${T}\` : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
export const dashboard: Plain<Dashboard> = ${DASHBOARD};
`;

describe('the Grafana dashboard', () => {
  // Packages are found from inside only.
  let inside = '';

  beforeAll(() => {
    inside = mkdtempSync(join(ROOT, 'test', 'docs', '.snippets-grafana-'));
  });
  afterAll(() => rmSync(inside, { recursive: true, force: true }));

  const faultsOf = (code: string): string[] => {
    const file = join(inside, 'dashboard.ts');
    writeFileSync(file, code);
    const program = ts.createProgram([file], {
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      target: ts.ScriptTarget.ES2022,
      types: [],
      strict: true,
      noEmit: true,
      skipLibCheck: true,
    });
    return ts
      .getPreEmitDiagnostics(program)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  };

  it('has only fields of Grafana\u2019s schema', () => {
    expect(faultsOf(MODULE)).toEqual([]);
    // It would be told otherwise.
    expect(faultsOf(MODULE.replace('"gridPos"', '"grid"')).join()).toMatch(/grid/);
    expect(faultsOf(MODULE.replace('"absolute"', '"relative"')).join()).toMatch(/relative/);
  });

  it('has panels that do not overlap, with unique ids', () => {
    const { panels } = JSON.parse(DASHBOARD) as {
      panels: { id: number; title: string; gridPos: { x: number; y: number; w: number; h: number } }[];
    };
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Map<string, string>();
    for (const { title, gridPos } of panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect([title, taken.get(`${x},${y}`)]).toEqual([title, undefined]);
          taken.set(`${x},${y}`, title);
        }
      }
    }
  });
});
