const CORE = ['machines', 'src/errors', 'src/controller', 'src/index.ts'];
const WIRE = ['machines', 'src/errors', 'src/net', 'src/protocol'];

/*
 * For each room, the rooms that it may import from; type imports count. A room is a folder and all below it, or one file.
 * If a room has an `index.ts`, others import only that file, and those listed in DOORS.
 */
const ROOMS = {
  machines: [],
  'src/errors': [],
  'src/chart': ['machines'],
  'src/controller': ['machines', 'src/errors', 'src/chart'],
  'src/index.ts': ['machines', 'src/errors', 'src/controller'],
  'src/net': ['src/errors'],
  'src/ports': ['src/net'],
  'src/protocol': ['machines', 'src/errors', 'src/net'],
  'src/backend': ['src/errors', 'src/net', 'src/protocol'],
  'src/client': ['machines', 'src/errors', 'src/chart', 'src/net', 'src/protocol'],

  'src/broker/BrokerError.ts': ['src/errors'],
  'src/broker/channels': WIRE,
  'src/broker/pressure': [...CORE, 'src/net'],
  'src/broker/transfers': [...CORE, ...WIRE, 'src/chart', 'src/broker/channels'],
  'src/broker/telemetry': [...CORE, 'src/protocol', 'src/broker/transfers'],
  'src/broker/admin': [...CORE, ...WIRE, 'src/broker/telemetry'],
  'src/broker/options': [...CORE, ...WIRE, 'src/broker/BrokerError.ts', 'src/broker/channels'],
  'src/broker/files': ['src/errors', 'src/net', 'src/broker/BrokerError.ts', 'src/broker/options'],
  'src/broker/backends': [
    ...CORE,
    ...WIRE,
    'src/broker/BrokerError.ts',
    'src/broker/channels',
    'src/broker/files',
    'src/broker/options',
    'src/broker/pressure',
    'src/broker/telemetry',
    'src/broker/transfers',
  ],
  'src/broker/clients': [
    ...CORE,
    ...WIRE,
    'src/broker/backends',
    'src/broker/channels',
    'src/broker/options',
    'src/broker/pressure',
    'src/broker/telemetry',
    'src/broker/transfers',
  ],
  'src/broker/state': [
    ...CORE,
    ...WIRE,
    'src/broker/BrokerError.ts',
    'src/broker/backends',
    'src/broker/files',
    'src/broker/options',
    'src/broker/telemetry',
  ],
  // Assembles its rooms.
  'src/broker': [...CORE, ...WIRE],

  'src/inspect/messages': [],
  'src/inspect/relay': [...CORE, 'src/net', 'src/ports', 'src/inspect/messages'],
  'src/inspect/viewer': ['machines', 'src/inspect/messages'],
  'src/inspect': ['src/inspect/messages', 'src/inspect/relay'],
  'src/cli': [...CORE, ...WIRE, 'src/ports', 'src/broker', 'src/backend', 'src/client', 'src/inspect'],
};

/** Files that others may import besides their room's `index.ts`. */
const DOORS = [
  'machines/(vocabulary|backendHandoff|backendLifecycle|connectRound|attemptsInFlight|failedAttemptWindow|restartBackoff)',
  // Used by the command too, but not part of the public API.
  'src/broker/(options/checkBrokerOptions|backends/checkStartable|files/listenOnPath|clients/pickVersion)',
  // Shared by the viewer and the relay.
  'src/inspect/messages/.*',
];

const names = Object.keys(ROOMS);
const pathOf = (room) => (room.endsWith('.ts') ? `^${room}$` : `^${room}/`);
// The rules of an outer room don't apply to the rooms inside it.
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

// For the diagrams in docs/how-it-works.md. Not enumerable: dependency-cruiser refuses a property that it doesn't know.
Object.defineProperty(module.exports, 'rooms', { value: ROOMS });
