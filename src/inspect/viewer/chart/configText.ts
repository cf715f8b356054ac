import { withParams } from '../../messages/withParams';
import { CUT } from './Chart';

/** What senders put in the place of data that they cut. */
const CUT_MARKS: ReadonlySet<unknown> = new Set(['[Object]', '[Array]', '[Circular]', '[...]', '[…]']);

/** Guards made by XState's functions of these names have parts; the client of `@statelyai/inspect` sends only the name. */
const GUARDS_WITH_PARTS: ReadonlySet<string> = new Set(['and', 'or', 'not', 'stateIn']);

/** Whether the sender cut this value. */
export function isCutMark(value: unknown): boolean {
  return CUT_MARKS.has(value);
}

/** A guard as text: its name and params, or its parts. */
export function guardText(guard: unknown): string | undefined {
  if (guard === undefined || guard === null) return undefined;
  if (isCutMark(guard)) return CUT;
  const name = nameOf(guard) ?? 'guard';
  const { guards, params } = fieldsOf(guard);
  if (Array.isArray(guards)) return `${name}(${guards.map((part) => guardText(part) ?? 'guard').join(', ')})`;
  if (typeof guard === 'object' && GUARDS_WITH_PARTS.has(name)) return `${name}(${CUT})`;
  return withParams(name, params);
}

/** Actions as texts: their names and params. */
export function actionTexts(actions: unknown): string[] {
  if (isCutMark(actions)) return [CUT];
  return toArray(actions).map((action) =>
    isCutMark(action) ? CUT : withParams(nameOf(action) ?? 'action', fieldsOf(action).params),
  );
}

/** The name of an action, a guard or an invoked actor's logic. */
export function nameOf(value: unknown): string | undefined {
  if (typeof value === 'string') return asText(value);
  const { type } = fieldsOf(value);
  return typeof type === 'object' ? nameOf(type) : asText(type);
}

/** A value as one line; functions were replaced by their names. */
export function valueText(value: unknown, maxCharacters: number): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (isCutMark(value)) return CUT;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > maxCharacters ? `${text.slice(0, maxCharacters)}${CUT}` : text;
}

/** A text that isn't empty. */
export function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function toArray(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

function fieldsOf(value: unknown): {
  readonly type?: unknown;
  readonly params?: unknown;
  readonly guards?: unknown;
} {
  return typeof value === 'object' && value !== null ? value : {};
}
