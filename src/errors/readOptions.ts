import { invalidType, readGiven, requireObject, unknownOption } from './invalidArgument';
import { nearestName } from './nearestName';
import { showName } from './showValue';

/** The names of an options object's fields. Being typed by it, none can be forgotten. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

// What options can be: an object of any class, or the exports of a module. Not what is an object only by type: a Promise that
// somebody forgot to wait for, a Map, a Date.
const OPTIONS_TAGS = ['[object Object]', '[object Module]'];

/** Where a field of an options object stands; `options` itself is not named. */
function prefixOf(field: string): string {
  return field === 'options' ? '' : `${field}.`;
}

function requireOptionsObject(field: string, value: unknown): Record<string, unknown> {
  const options = requireObject(field, value);
  const tag = readGiven(field, () => Object.prototype.toString.call(options));
  if (!OPTIONS_TAGS.includes(tag)) throw invalidType(field, 'an object with options', value);
  return options;
}

/**
 * Reads the options that a caller gave, each once, so that what is checked is what is used. The values themselves are
 * unchecked. `undefined` is as good as left out.
 *
 * @throws TypeError with code `ERR_INVALID_ARG_TYPE`: it isn't an object, or can't be read
 * @throws TypeError with code `ERR_UNKNOWN_OPTION`: there's no such option
 */
export function readOptions<T extends object>(field: string, value: unknown, names: OptionNames<T>): T {
  const options = requireOptionsObject(field, value);
  const known = Object.keys(names);
  const prefix = prefixOf(field);
  for (const name of readGiven(field, () => Object.keys(options))) {
    if (Object.hasOwn(names, name)) continue;
    if (readGiven(`${prefix}${showName(name)}`, () => options[name]) !== undefined) {
      throw unknownOption(prefix, name, known);
    }
  }
  const read: Record<string, unknown> = {};
  for (const name of known) {
    const given = readGiven(`${prefix}${name}`, () => options[name]);
    if (given !== undefined) read[name] = given;
  }
  return read as T;
}

/**
 * Checks the names of an object with behaviour, a clock for instance. It may have members of its own; only what looks like
 * a known one misspelled is refused.
 *
 * @throws TypeError as {@link readOptions}
 */
export function requireMembers<T extends object>(field: string, value: unknown, names: OptionNames<T>): T {
  const object = requireObject(field, value);
  const missing = readGiven(field, () => Object.keys(names).filter((name) => object[name] === undefined));
  for (const name of readGiven(field, () => Object.keys(object))) {
    if (Object.hasOwn(names, name)) continue;
    if (nearestName(name, missing) !== undefined) throw unknownOption(prefixOf(field), name, missing);
  }
  return object as T;
}
