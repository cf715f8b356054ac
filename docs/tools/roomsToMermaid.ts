/** For each room, the rooms that it may import from. */
export type Rooms = Readonly<Record<string, readonly string[]>>;

/** The pictures of the rooms: the top-level ones, and those of the broker. */
export interface RoomDiagrams {
  readonly top: string;
  readonly broker: string;
}

const BROKER = 'src/broker';

/**
 * Draws the table of allowed imports as Mermaid flowcharts. An arrow leads from a room to one that it may import from.
 * Arrows that follow from others are left out: with `a → b → c`, `a → c` is not drawn.
 */
export function roomsToMermaid(rooms: Rooms): RoomDiagrams {
  const inBroker = (room: string): boolean => room.startsWith(`${BROKER}/`);
  const top = new Map<string, Set<string>>();
  const broker = new Map<string, Set<string>>();
  for (const [room, imports] of Object.entries(rooms)) {
    // The first picture shows the broker as one room, with the arrows of all its rooms.
    const from = inBroker(room) ? BROKER : room;
    const arrows = top.get(from) ?? new Set();
    for (const other of imports) if (!inBroker(other)) arrows.add(other);
    top.set(from, arrows);
    if (inBroker(room)) broker.set(room, new Set(imports.filter(inBroker)));
  }
  return { top: flowchart(top), broker: flowchart(broker) };
}

function flowchart(rooms: ReadonlyMap<string, ReadonlySet<string>>): string {
  const lines = [...rooms].flatMap(([room, imports]) => {
    const direct = [...imports].filter(
      (to) => ![...imports].some((via) => via !== to && reaches(rooms, via, to)),
    );
    return [`  ${idOf(room)}["${labelOf(room)}"]`, ...direct.map((to) => `  ${idOf(room)} --> ${idOf(to)}`)];
  });
  return ['```mermaid', 'flowchart TD', ...lines, '```'].join('\n');
}

function reaches(rooms: ReadonlyMap<string, ReadonlySet<string>>, from: string, to: string): boolean {
  return [...(rooms.get(from) ?? [])].some((next) => next === to || reaches(rooms, next, to));
}

const labelOf = (room: string): string => room.replace(`${BROKER}/`, '').replace(/^src\//, '');
const idOf = (room: string): string => room.replaceAll(/\W/g, '_');
