/*
 * Which room may import from which: nobody else. Types count as well. A room is a folder with all that is in it, or one file.
 * Where a room has an `index.ts`, others come in by it, but for the files that are named here.
 */
const ROOMS = {
  machines: [],
  'src/errors': [],
  'src/chart': ['machines'],
  'src/controller': ['machines', 'src/errors', 'src/chart'],
  'src/index.ts': ['machines', 'src/controller'],
  'src/wire': ['machines', 'src/errors'],
  'src/broker': ['machines', 'src/errors', 'src/chart', 'src/controller', 'src/index.ts', 'src/wire'],
  'src/backend': ['src/errors', 'src/wire'],
  'src/client': ['machines', 'src/errors', 'src/chart', 'src/wire'],
  'src/inspect/viewer': ['machines', 'src/inspect'],
  'src/inspect': ['machines', 'src/errors', 'src/controller', 'src/wire', 'src/broker'],
  'src/cli': [
    'machines',
    'src/errors',
    'src/controller',
    'src/index.ts',
    'src/wire',
    'src/broker',
    'src/backend',
    'src/client',
    'src/inspect',
  ],
};

/** Files that others may import beside their room's `index.ts`. */
const DOORS = [
  'machines/(vocabulary|backendHandoff|backendLifecycle|connectRound|attemptsInFlight|failedAttemptWindow|restartBackoff)',
  // What the command shares with the broker's options, and has no use for anybody else.
  'src/broker/(checkBrokerOptions|checkStartable|listenOnPath|pickVersion|fdUsage)',
  // What the page and the command share with the relay.
  'src/inspect/(InspectionMessage|LeftOut|definitionText|plainSnapshot|redact)',
  'src/inspect/(atMostEvery|checkRequest|createBoundedServer|listenOnPort)',
];

const names = Object.keys(ROOMS);
const pathOf = (room) => (room.endsWith('.ts') ? `^${room}$` : `^${room}/`);
// A room inside another one is a room of its own.
const inner = (room) => names.filter((other) => other !== room && other.startsWith(`${room}/`));
const hasEntry = ['machines', 'src/broker', 'src/backend', 'src/client', 'src/inspect'];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-loose-files',
      comment: 'src/ has rooms, and index.ts alone.',
      severity: 'error',
      from: {},
      to: { path: '^src/[^/]+$', pathNot: '^src/index\\.ts$' },
    },
    ...names.map((room) => ({
      name: `arrows-of-${room}`,
      comment: `${room} may import from ${ROOMS[room].join(', ') || 'nobody'}.`,
      severity: 'error',
      from: { path: pathOf(room), pathNot: inner(room).map(pathOf) },
      to: { path: '^(machines|src)/', pathNot: [room, ...ROOMS[room]].map(pathOf) },
    })),
    ...hasEntry.map((room) => ({
      name: `entry-of-${room}`,
      severity: 'error',
      from: { pathNot: pathOf(room) },
      to: { path: pathOf(room), pathNot: [`^${room}/index\\.ts$`, ...DOORS.map((door) => `^${door}\\.ts$`)] },
    })),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
  },
};
