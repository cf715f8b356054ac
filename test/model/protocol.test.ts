import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClaimTable } from '../../src/backend/ClaimTable';
import { report } from '../support/report';
import { claim } from './exploration/backend';
import { NEW } from './exploration/client';
import { explore, type Findings, type Model } from './exploration/explore';
import { MISTAKES, type Mistake } from './exploration/mistakes';
import { exploreProtocol, INITIAL, INVARIANTS } from './exploration/protocol';
import { RACES } from './exploration/races';
import { sequenceDiagram } from './exploration/sequenceDiagram';
import type { Scenario, World } from './exploration/World';

// `npm run explore` takes larger ones.
const ONE_CLIENT: Scenario = { clients: 1, rounds: 2, faults: 2 };
const TWO_CLIENTS: Scenario = { clients: 2, rounds: 1, faults: 0, onlyAttempts: true };
const PAGE = readFileSync(join(__dirname, '../../docs/protocol.md'), 'utf8');

/** The first thing that is wrong, as people read it. */
function show({ violation }: Findings): string {
  return violation === undefined ? '' : `${violation.problem}\n${sequenceDiagram(violation.trace)}`;
}

function describeScenario({ clients, rounds, faults }: Scenario): string {
  const some = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
  return `${some(clients, 'client')}, ${some(rounds, 'round')} each, up to ${some(faults, 'fault')}`;
}

function reportFindings(scenario: Scenario, { worlds, transitions, depth, seconds }: Findings): void {
  report(
    `protocol, ${describeScenario(scenario)}: ${worlds} combinations, ${transitions} transitions, depth ${depth}, ${seconds.toFixed(1)} s`,
  );
}

/** The cells of the first column of the page's table of races. */
function racesOfThePage(): string[] {
  const table = /\nThe races, .*:\n\n\| race.*\n\|.*\n((?:\|.*\n)+)/.exec(PAGE)?.[1] ?? '';
  return table
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' | ')[0]?.replace(/^\| /, '').trim() ?? '');
}

const plain = (text: string): string => text.replaceAll('\u2019', "'");

describe('the protocol, explored as a whole', () => {
  const unseen = new Set(RACES);

  function look(world: World): void {
    for (const race of unseen) {
      const [, sight] = race;
      if (world.rounds.some((round) => sight(round, world))) unseen.delete(race);
    }
  }

  it('keeps every invariant in every reachable combination of one client', () => {
    const findings = exploreProtocol(ONE_CLIENT, look);
    reportFindings(ONE_CLIENT, findings);
    expect(show(findings)).toBe('');
  });

  it('has explored every race in docs/protocol.md, with the outcome given there', () => {
    expect([...unseen].map(([race]) => race)).toEqual([]);
    expect(RACES.map(([race]) => plain(race))).toEqual(racesOfThePage());
    report(`protocol, races of docs/protocol.md: ${RACES.length} of ${RACES.length} met`);
  });

  it('keeps every invariant with two clients at once', () => {
    const findings = exploreProtocol(TWO_CLIENTS);
    reportFindings(TWO_CLIENTS, findings);
    expect(show(findings)).toBe('');
  });

  it('checks the invariants named in docs/protocol.md', () => {
    const names = [...PAGE.matchAll(/^- \*\*(.+?)\*\*[,:].*$/gm)].map(([, name]) => name);
    expect(names.filter((name) => !/^R\d,/.test(name ?? ''))).toEqual(
      expect.arrayContaining(INVARIANTS.slice(3)),
    );
    for (const rule of INVARIANTS.slice(0, 3)) expect(PAGE).toContain(`- **${rule}, `);
    expect(PAGE).toContain('test/model/protocol.test.ts');
  });
});

describe('the exploration finds deliberate mistakes', () => {
  const lengths: string[] = [];
  const broken = new Set<string>();

  /** The smallest scenario that shows it comes first. */
  function scenariosOf(mistake: Mistake): Scenario[] {
    if (mistake === 'answersByOrder') return [{ ...TWO_CLIENTS, mistake }];
    return [0, 1, 2].map((faults) => ({ ...ONE_CLIENT, faults, mistake }));
  }

  it.each(Object.entries(MISTAKES) as [Mistake, string][])('%s: %s', (mistake) => {
    for (const scenario of scenariosOf(mistake)) {
      const { violation } = exploreProtocol(scenario);
      if (violation === undefined) continue;
      expect(violation.trace.length).toBeGreaterThan(0);
      broken.add(violation.problem.split(':')[0] ?? '');
      lengths.push(`  ${mistake}: ${violation.trace.length} steps to "${violation.problem}"`);
      return;
    }
    throw new Error('nothing was found');
  });

  it('of every invariant', () => {
    expect([...broken].sort()).toEqual([...INVARIANTS].sort());
  });

  afterAll(() => report(`protocol, mistakes found:\n${lengths.join('\n')}`));
});

describe('the backend of an exploration', () => {
  it.each([
    { isExpired: 0, claimedIn: 0 },
    { isExpired: 0, claimedIn: 1 },
    { isExpired: 1, claimedIn: 0 },
    { isExpired: 1, claimedIn: 1 },
  ] as const)('answers for a claim as the table does: %p', ({ isExpired, claimedIn }) => {
    let now = 1000;
    const table = new ClaimTable({ ttlMs: 10, maxClaims: 2, now: () => now });
    if (claimedIn === 1) table.claim('id', now);
    if (isExpired === 1) now += 11;
    const rounds = [{ ...NEW, isExpired, claimedIn, claim: claimedIn }];
    const claimed = claim({ ...INITIAL, rounds, faultsLeft: 0 }, 0, 1, 2, ONE_CLIENT);
    expect(table.claim('id', 1000)).toBe(typeof claimed === 'string' ? claimed : 'granted');
  });
});

describe('an exploration', () => {
  /** Worlds are numbers; each has the ones that it leads to. */
  function modelOf(
    leadsTo: readonly (readonly number[])[],
    end: number,
    faults: string[] = [],
  ): Model<number> {
    return {
      initial: [0],
      steps: (world) =>
        (leadsTo[world] ?? []).map((next) => ({
          from: 'client',
          to: 'broker',
          text: `${world} to ${next}`,
          isFault: faults.includes(`${world} to ${next}`),
          next,
        })),
      keyOf: String,
      problemOf: () => undefined,
      problemAtRest: (world) => (world === end ? undefined : 'it rests'),
      isEnd: (world) => world === end,
    };
  }
  const textsOf = ({ violation }: Findings) => [
    violation?.problem,
    ...(violation?.trace ?? []).map(({ text }) => text),
  ];

  it('counts worlds, transitions and the depth', () => {
    const findings = explore(modelOf([[1, 2], [3], [3], []], 3));
    expect(findings).toMatchObject({ worlds: 4, transitions: 4, depth: 2 });
    expect(findings.violation).toBeUndefined();
  });

  it('gives a shortest trace to a problem', () => {
    const model = {
      ...modelOf([[1, 3], [2], [4], [4], []], 4),
      problemOf: (world: number) => (world === 4 ? 'four' : undefined),
    };
    expect(textsOf(explore(model))).toEqual(['four', '0 to 3', '3 to 4']);
  });

  it('finds a world without a further step, unless a fault is injected', () => {
    expect(textsOf(explore(modelOf([[1], [2], []], 2, ['1 to 2'])))).toEqual(['it rests', '0 to 1']);
  });

  it('finds a world from which no end can be reached', () => {
    expect(textsOf(explore(modelOf([[1, 3], [2], [1], []], 3)))).toEqual([
      'an end: none can be reached',
      '0 to 1',
    ]);
  });

  it('finds a cycle, even if it can be left', () => {
    expect(textsOf(explore(modelOf([[1], [0, 2], []], 2)))).toEqual([
      'an end: something goes round in a circle',
    ]);
    expect(textsOf(explore(modelOf([[1], [0, 2], []], 2, ['1 to 0'])))).toEqual([undefined]);
  });

  it('is shown as a sequence diagram', () => {
    const trace = [
      { from: 'client 1', to: 'broker', text: 'hello' },
      { from: 'broker', to: 'backend 1', text: 'sends the handle' },
      { from: 'backend 1', to: 'client 1', text: 'ready' },
      { from: 'broker', to: 'broker', text: 'dies' },
    ];
    expect(sequenceDiagram(trace).split('\n')).toEqual([
      'client 1          broker            backend 1',
      'o----------------->                 |                 hello',
      '|                 o----------------->                 sends the handle',
      '<-----------------------------------o                 ready',
      '|                 *                 |                 dies',
    ]);
  });
});
