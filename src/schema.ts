/** A value against a JSON Schema, as far as the schemas in docs/ use it, with the place of the fault. Pure. */

/** The keywords that are understood; any other one would be a check that silently does not happen. */
export const KEYWORDS = [
  ...['$schema', '$defs', '$ref', 'title', 'description', 'type', 'const', 'enum', 'anyOf', 'oneOf'],
  ...['properties', 'required', 'additionalProperties', 'propertyNames', 'items', 'pattern'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'maxItems'],
] as const;

export type Schema = { readonly [keyword in (typeof KEYWORDS)[number]]?: unknown };

/** `at` is a JSON Pointer (RFC 6901), '' for the whole value. */
export type Fault = { readonly at: string; readonly what: string };

/**
 * The first fault of a value, undefined when it has none.
 * @param root the schema in whose `$defs` references are looked up
 */
export function faultOf(root: Schema, value: unknown): Fault | undefined {
  return check(root, root, value, '');
}

function check(root: Schema, given: Schema, value: unknown, at: string): Fault | undefined {
  const schema = resolved(root, given);
  const branches = list(schema.anyOf ?? schema.oneOf);
  return (
    ofType(schema, value, at) ??
    ofValue(schema, value, at) ??
    (branches.length > 0 ? ofOne(root, branches, value, at) : undefined) ??
    (Array.isArray(value) ? ofItems(root, schema, value, at) : undefined) ??
    (isObject(value) ? ofMembers(root, schema, value, at) : undefined)
  );
}

function resolved(root: Schema, schema: Schema): Schema {
  const name = typeof schema.$ref === 'string' ? schema.$ref.replace('#/$defs/', '') : undefined;
  return name === undefined ? schema : resolved(root, (root.$defs as Record<string, Schema>)[name] ?? {});
}

/** An integer is one that every reader of JSON gives back unchanged (RFC 8259 section 6). */
function ofType({ type }: Schema, value: unknown, at: string): Fault | undefined {
  const is = typeOf(value);
  if (type === undefined || type === is || (type === 'integer' && Number.isSafeInteger(value))) return undefined;
  return { at, what: `is ${article(is)}, not ${article(String(type))}` };
}

function ofValue(schema: Schema, value: unknown, at: string): Fault | undefined {
  const { pattern, minimum, maximum, exclusiveMinimum } = schema;
  const allowed = 'const' in schema ? [schema.const] : list<unknown>(schema.enum);
  if (allowed.length > 0 && !allowed.includes(value)) {
    return { at, what: `is ${shown(value)}; allowed is ${allowed.map(shown).join(', ')}` };
  }
  if (typeof value === 'string' && typeof pattern === 'string' && !new RegExp(pattern, 'u').test(value)) {
    return { at, what: `is ${shown(value)}, which does not match ${pattern}` };
  }
  if (typeof value !== 'number') return undefined;
  const low = (typeof minimum === 'number' && value < minimum) || (exclusiveMinimum === 0 && value <= 0);
  const high = typeof maximum === 'number' && value > maximum;
  return low || high ? { at, what: `is ${value}, which is too ${low ? 'small' : 'large'}` } : undefined;
}

/** The fault of the branch that was meant: its constants are those of the value, and it goes deepest before it fails. */
function ofOne(root: Schema, all: readonly Schema[], value: unknown, at: string): Fault | undefined {
  const meant = all.filter((branch) => isMeant(resolved(root, branch), value));
  const branches = meant.length > 0 ? meant : all;
  const faults = branches.map((branch) => check(root, branch, value, at));
  if (faults.includes(undefined)) return undefined;
  const found = faults.filter((fault) => fault !== undefined);
  const deep = found.reduce((best, fault) => (fault.at.length > best.at.length ? fault : best));
  const unmeant = meant.length === 0 && all.some((branch) => constantsOf(resolved(root, branch)).length > 0);
  return deep.at === at || unmeant
    ? { at, what: `is ${shown(value)}, which is none of the forms that are allowed` }
    : deep;
}

function isMeant(schema: Schema, value: unknown): boolean {
  const constants = constantsOf(schema);
  return constants.length > 0 && isObject(value) && constants.every(([name, wanted]) => wanted === value[name]);
}

/** Required members that can have one value only: what tells the branches apart. */
function constantsOf({ properties, required }: Schema): [string, unknown][] {
  if (!isObject(properties)) return [];
  return Object.entries(properties).flatMap(([name, member]): [string, unknown][] =>
    isObject(member) && 'const' in member && list<string>(required).includes(name) ? [[name, member.const]] : [],
  );
}

function ofItems(root: Schema, { items, maxItems }: Schema, value: readonly unknown[], at: string): Fault | undefined {
  if (typeof maxItems === 'number' && value.length > maxItems) return { at, what: `has more than ${maxItems} entries` };
  if (!isObject(items)) return undefined;
  return first(value.entries(), ([index, item]) => check(root, items, item, `${at}/${index}`));
}

function ofMembers(root: Schema, schema: Schema, value: Record<string, unknown>, at: string): Fault | undefined {
  const properties = isObject(schema.properties) ? (schema.properties as Record<string, Schema>) : {};
  const names = isObject(schema.propertyNames) ? (schema.propertyNames as Schema) : {};
  const other = schema.additionalProperties;
  const missing = list<string>(schema.required).find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) return { at, what: `has no "${missing}"` };
  return first(Object.entries(value), ([name, member]) => {
    const here = `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const fault = ofValue(names, name, here);
    if (fault !== undefined) return { at: here, what: `has a name that is not allowed there` };
    if (Object.hasOwn(properties, name)) return check(root, properties[name] ?? {}, member, here);
    if (other === false) return { at: here, what: 'is not known' };
    return isObject(other) ? check(root, other, member, here) : undefined;
  });
}

function first<T>(all: Iterable<T>, fault: (one: T) => Fault | undefined): Fault | undefined {
  for (const one of all) {
    const found = fault(one);
    if (found !== undefined) return found;
  }
  return undefined;
}

function list<T = Schema>(value: unknown): readonly T[] {
  return Array.isArray(value) ? value : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

const article = (type: string) => (type === 'null' ? type : `${/^[aeio]/.test(type) ? 'an' : 'a'} ${type}`);

/** A value in few words. */
function shown(value: unknown): string {
  const text = typeof value === 'object' && value !== null ? article(typeOf(value)) : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
