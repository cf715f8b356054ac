import { invalidType, readGiven, requireObject, unknownOption } from './invalidArgument';
import { nearestName } from './nearestName';
import { onRejection } from './onRejection';
import { showName } from './showValue';

/** The field names of an options type; the type makes the list complete. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

// Options may be an instance of any class, or a module's exports, but not a Promise (a forgotten `await`), a Map or a Date.
const OPTIONS_TAGS = ['[object Object]', '[object Module]'];

/** The path of a field, without `options` itself. */
function prefixOf(field: string): string {
  return field === 'options' ? '' : `${field}.`;
}

/** Returns an object of named values. Throws a TypeError that names the field and the value for a Map, a Date and the like. */
export function requireNamedValues(
  field: string,
  value: unknown,
  expected = 'an object with options',
): Record<string, unknown> {
  const options = requireObject(field, value);
  const tag = readGiven(field, () => Object.prototype.toString.call(options));
  if (!OPTIONS_TAGS.includes(tag)) throw invalidType(field, expected, value);
  return options;
}

/**
 * Reads each of a caller's options once, so that the checked value is the one used. Does not check the values. `undefined`
 * counts as omitted.
 *
 * @throws TypeError with code `ERR_INVALID_ARG_TYPE`: not an object, or reading it throws
 * @throws TypeError with code `ERR_UNKNOWN_OPTION`: an unknown option
 */
export function readOptions<T extends object>(field: string, value: unknown, names: OptionNames<T>): T {
  const options = requireNamedValues(field, value);
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
 * Checks the member names of an object with methods, such as a clock. Other members are allowed; only a likely typo of a
 * known name is refused.
 *
 * @throws TypeError as {@link readOptions}
 */
export function requireMembers<T extends object>(field: string, value: unknown, names: OptionNames<T>): T {
  const object = requireObject(field, value);
  const missing = readGiven(field, () =>
    Object.keys(names).filter((name) => {
      const member = object[name];
      // Of a getter that makes a promise each time, nobody else has this one.
      onRejection(member, () => {});
      return member === undefined;
    }),
  );
  for (const name of readGiven(field, () => Object.keys(object))) {
    if (Object.hasOwn(names, name)) continue;
    if (nearestName(name, missing) !== undefined) throw unknownOption(prefixOf(field), name, missing);
  }
  return object as T;
}
